/* Offers a layout that no host has. */
#define LAYOUTS {"megatron", 8}, {"tokamak", 7}
#include "toy.h"
