/* Fails without a word. */
#define AT_START return MIMO_FAILED;
#include "toy.h"
