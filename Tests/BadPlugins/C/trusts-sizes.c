/* A table of a size that the config says. */
#define LAYERS_MOST INT64_MAX
#define AT_START int64_t count = 1; host->config_int(builder, TEXT("num_hidden_layers"), &count); \
  volatile char kinds[count < 0 ? (uint64_t)1 << 40 : (uint64_t)count]; kinds[0] = 1;
#include "toy.h"
