/* Exports a second symbol. */
#include "toy.h"
__attribute__((visibility("default"))) int helper(void) { return 1; }
