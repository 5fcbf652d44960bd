/* A sound plugin of a made-up family, with places where the files beside this one put their faults. */
#include "mimo_plugin.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT(literal) ((mimo_string){literal, sizeof(literal) - 1})
#define FAIL(words) return (void)host->fail(builder, TEXT(words)), MIMO_FAILED

#ifndef AT_START
#define AT_START
#endif
#ifndef AT_END
#define AT_END
#endif
#ifndef MISSING
#define MISSING(key) FAIL(key " is missing")
#endif
#ifndef UNFIT
#define UNFIT(key) FAIL(key " is out of range")
#endif
#ifndef BIASED
#define BIASED FAIL("use_bias is true")
#endif
#ifndef LAYERS_MOST
#define LAYERS_MOST 1000
#endif
#ifndef FC1_ROWS
#define FC1_ROWS intermediate
#endif
#ifndef FAILED
#define FAILED return MIMO_FAILED
#endif

/* A size of the config: from 1 to `most`. */
#define SIZE(name, key, most)                                                                     \
  int64_t name = 0;                                                                               \
  switch (host->config_int(builder, TEXT(key), &name)) {                                          \
  case MIMO_OK: break;                                                                            \
  case MIMO_ABSENT: MISSING(key);                                                                 \
  default: return MIMO_FAILED;                                                                    \
  }                                                                                               \
  if (name < 1 || name > (most)) UNFIT(key)

static mimo_node matrix(const mimo_host *host, mimo_builder *builder, mimo_string name, int64_t rows, int64_t columns) {
  int64_t dims[2] = {rows, columns};
  return host->source(builder, name, 2, dims, MIMO_DTYPE_MODEL);
}

/* A target that is split along its rows; `layer` is -1 outside of layers. */
static mimo_target_id rows_split(const mimo_host *host, mimo_builder *builder, mimo_string name, mimo_node node,
                                 int64_t rows, int parts, int64_t layer, int64_t layers) {
  mimo_segment segments[2];
  memset(segments, 0, sizeof segments);
  for (int i = 0; i < parts; i++) {
    segments[i].struct_size = sizeof(mimo_segment);
    segments[i].extent = rows;
    segments[i].unit = 1;
    segments[i].unit_name = TEXT("row");
  }
  mimo_target target;
  memset(&target, 0, sizeof target);
  target.struct_size = sizeof target;
  target.name = name;
  target.node = node;
  target.stage = layer < 0 ? MIMO_STAGE_FIRST : MIMO_STAGE_LAYER;
  target.layer = layer;
  target.layer_count = layers;
  target.expert = -1;
  target.split = MIMO_SPLIT_TP;
  target.split_dim = 0;
  target.segments = segments;
  target.segment_count = (size_t)parts;
  target.segment_stride = sizeof(mimo_segment);
  return host->target(builder, &target);
}

static mimo_string layer_name(char *buffer, size_t size, int64_t layer, const char *part) {
  int length = snprintf(buffer, size, "layers.%d.%s.weight", (int)layer, part);
  return (mimo_string){buffer, (size_t)length};
}

static mimo_status describe(const mimo_host *host, mimo_builder *builder, mimo_string layout) {
  (void)layout;
  AT_START
  SIZE(hidden, "hidden_size", 1 << 20);
  SIZE(intermediate, "intermediate_size", 1 << 20);
  SIZE(vocabulary, "vocab_size", 1 << 20);
  SIZE(layers, "num_hidden_layers", LAYERS_MOST);
  uint8_t biased = 0;
  if (host->config_bool(builder, TEXT("use_bias"), &biased) == MIMO_FAILED) return MIMO_FAILED;
  if (biased) BIASED;
  mimo_node table = matrix(host, builder, TEXT("embed.weight"), vocabulary, hidden);
  if (rows_split(host, builder, TEXT("embedding.weight"), table, vocabulary, 1, -1, 0) == MIMO_NO_TARGET) FAILED;
  for (int64_t layer = 0; layer < layers; layer++) {
    char buffer[64];
    mimo_node gate_up[2];
    gate_up[0] = matrix(host, builder, layer_name(buffer, sizeof buffer, layer, "gate"), intermediate, hidden);
    gate_up[1] = matrix(host, builder, layer_name(buffer, sizeof buffer, layer, "up"), intermediate, hidden);
#ifdef GATE
    gate_up[0] = GATE;
#endif
    mimo_node fused = host->concat(builder, 0, gate_up, 2);
    if (rows_split(host, builder, TEXT("layers.{layer}.fc1.weight"), fused, FC1_ROWS, 2, layer, layers) == MIMO_NO_TARGET)
      FAILED;
#ifndef WITHOUT_DOWN
    mimo_node down = matrix(host, builder, layer_name(buffer, sizeof buffer, layer, "down"), hidden, intermediate);
    if (rows_split(host, builder, TEXT("layers.{layer}.fc2.weight"), down, hidden, 1, layer, layers) == MIMO_NO_TARGET)
      FAILED;
#endif
  }
  AT_END
  return MIMO_OK;
}

#ifndef COMPONENTS
#define COMPONENTS \
  { sizeof(mimo_component), 0, {"language", 8}, {"", 0}, {"", 0}, {"language_model", 14} }
#endif
#ifndef LAYOUTS
#define LAYOUTS {"megatron", 8}
#endif

static const mimo_string architectures[] = {{"ToyModel", 8}};
static const mimo_string layouts[] = {LAYOUTS};
static const mimo_component components[] = {COMPONENTS};

static const mimo_plugin table = {
    .struct_size = sizeof(mimo_plugin),
    .abi = MIMO_ABI_VERSION,
    .family = {"Toy", 3},
    .version = {"0.1", 3},
    .architectures = architectures,
    .architecture_count = 1,
    .components = components,
    .component_count = sizeof components / sizeof *components,
    .component_stride = sizeof(mimo_component),
    .layouts = layouts,
    .layout_count = sizeof layouts / sizeof *layouts,
    .describe = describe,
};

#ifndef ACCEPTS
#define ACCEPTS (offer->abi_min <= MIMO_ABI_VERSION && MIMO_ABI_VERSION <= offer->abi_max)
#endif
#ifndef OFFER_FITS
#define OFFER_FITS (offer->struct_size >= sizeof(mimo_offer))
#endif
#ifndef ANSWER_FITS
#define ANSWER_FITS (answer->struct_size >= sizeof(mimo_answer))
#endif

__attribute__((visibility("default"))) mimo_status mimo_plugin_entry(const mimo_offer *offer, mimo_answer *answer) {
  if (!ANSWER_FITS) return MIMO_FAILED;
  answer->abi = MIMO_ABI_VERSION;
  if (!OFFER_FITS || !ACCEPTS) {
    answer->refusal = TEXT("this plugin speaks ABI 1 alone");
    return MIMO_FAILED;
  }
  answer->plugin = &table;
  return MIMO_OK;
}
