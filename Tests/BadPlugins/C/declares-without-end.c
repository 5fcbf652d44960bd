/* Declares the same tensor for ever. */
#define AT_START while (matrix(host, builder, TEXT("embed.weight"), 2, 2) != MIMO_NO_NODE);
#include "toy.h"
