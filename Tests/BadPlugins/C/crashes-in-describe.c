/* Writes to where no memory is. */
#define AT_END *(volatile int *)8 = 1;
#include "toy.h"
