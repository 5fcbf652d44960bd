/* A rule that is too wide. */
#define AT_END host->drop(builder, TEXT("*foreign*"), TEXT("not needed"));
#include "toy.h"
