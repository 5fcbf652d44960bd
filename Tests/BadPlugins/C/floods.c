/* Talks without end, and comes back. */
#define AT_START for (int i = 0; i < 100000; i++) puts("and so on and so on and so on and so on and so on"); fflush(stdout);
#include "toy.h"
