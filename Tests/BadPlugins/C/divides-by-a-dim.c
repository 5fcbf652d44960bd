/* Believes the checkpoint's shapes. */
#define AT_START int64_t dims[MIMO_MAX_RANK] = {0}; \
  const char *names[] = {"embed.weight", "layers.0.up.weight", "layers.0.down.weight", "layers.0.gate.weight"}; \
  for (int i = 0; i < 4; i++) \
    if (host->source_shape(builder, (mimo_string){names[i], strlen(names[i])}, dims) >= 0 && 1000 / (int)dims[0] < 0) FAIL("no");
#include "toy.h"
