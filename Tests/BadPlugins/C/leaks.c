/* Forgets memory. */
#define AT_START static void *volatile last; last = malloc(5000); memset(last, 1, 5000);
#include "toy.h"
