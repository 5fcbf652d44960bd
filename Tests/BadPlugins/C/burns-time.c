/* Never comes back, and takes all of a processor. */
#define AT_START for (volatile int i = 0;; i++);
#include "toy.h"
