/* Keeps all rules. */
#include "toy.h"
