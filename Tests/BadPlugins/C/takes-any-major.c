/* Looks at no version at all. */
#define ACCEPTS 1
#include "toy.h"
