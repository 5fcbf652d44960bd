/* Right as long as the matrices are square. */
#define FC1_ROWS hidden
#include "toy.h"
