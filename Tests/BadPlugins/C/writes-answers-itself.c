/* Writes to the channel of the process that it runs in. */
#define AT_START if (write(3, "no message of ours", 18) < 0) abort();
#include "toy.h"
