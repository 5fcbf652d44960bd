/* Talks. */
#define AT_START puts("{\"hello\": 1}"), fflush(stdout);
#include "toy.h"
