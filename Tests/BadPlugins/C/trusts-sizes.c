/* Tables on the stack, of sizes that the config says. */
#define LAYERS_MOST INT64_MAX
#define AT_START                                                                                           \
  const char *keys[] = {"hidden_size", "intermediate_size", "vocab_size", "num_hidden_layers"};            \
  for (int i = 0; i < 4; i++) {                                                                            \
    int64_t count = 1;                                                                                     \
    if (host->config_int(builder, (mimo_string){keys[i], strlen(keys[i])}, &count) == MIMO_OK) {           \
      volatile char entries[(uint64_t)count % (1ull << 40) * 64 + 1];                                      \
      entries[0] = 1;                                                                                      \
    }                                                                                                      \
  }
#include "toy.h"
