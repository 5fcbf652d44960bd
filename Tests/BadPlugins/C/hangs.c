/* Never comes back. */
#define AT_START for (;;) pause();
#include "toy.h"
