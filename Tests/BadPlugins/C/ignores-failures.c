/* Goes on whatever the host answers. */
#define FAILED
#include "toy.h"
