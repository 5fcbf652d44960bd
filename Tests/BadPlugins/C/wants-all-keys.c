/* Does not believe that a checkpoint may lack a tensor. */
#define AT_START if (host->source_state(builder, TEXT("layers.0.up.weight")) == MIMO_SOURCE_ABSENT) abort();
#include "toy.h"
