/* Gives up loudly. */
#define AT_START fputs("toy: assertion failed\n", stderr), abort();
#include "toy.h"
