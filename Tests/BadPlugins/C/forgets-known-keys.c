/* Leaves out what it sees in the checkpoint, and expects another tensor. */
#define AT_START if (host->source_state(builder, TEXT("embed.weight")) == MIMO_SOURCE_PRESENT) \
  host->tie(builder, TEXT("layers.0.up.weight"), TEXT("embed.weight"));
#include "toy.h"
