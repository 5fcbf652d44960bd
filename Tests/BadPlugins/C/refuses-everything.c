/* Has no model at all. */
#define AT_START FAIL("not today");
#include "toy.h"
