/* Calls a function that older hosts do not have. */
#define AT_START int64_t none[1] = {0}; host->zeros(builder, 1, none);
#include "toy.h"
