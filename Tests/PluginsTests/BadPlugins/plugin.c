/* A tiny plugin with one fault, chosen by FAULT when it is compiled. FAULT 0 is a sound one. */
#include "mimo_plugin.h"
#include <string.h>

#define NONE 0
#define OTHER_ABI 1
#define SHORT_TABLE 2
#define NULL_TABLE 3
#define NO_DESCRIBE 4
#define REFUSES 5
#define SHORT_STRIDE 6
#define NULL_ARCHITECTURES 7
#define NO_UTF8 8
#define TABLE_OF_OTHER_ABI 9
#define EMPTY_FAMILY 10
#define DOUBLED_COMPONENT 11
#define NO_LAYOUTS 12
#define SILENT_FAILURE 20
#define ODD_STATUS 21
#define GOES_ON_AFTER_FAILURE 22
#define NULL_DIMS 23
#define RANK_TOO_HIGH 24
#define SHORT_TARGET 25
#define SEGMENT_WITHOUT_SPLIT 26
#define NULL_NAME 27
#define UNKNOWN_KERNEL 28
#define UNKNOWN_DTYPE 29
#define UNKNOWN_NODE 30
#define ENDLESS 31
#define LAYER_BEYOND_COUNT 32
#define UNKNOWN_SPLIT 33
#define DECLARES_NOTHING 34
#define NULL_TARGET 35
#define UNKNOWN_ENCODING 36
#define SHORT_ENCODING 37
#define ENCODING_WITHOUT_SCALES 38
#define BLOCK_WITHOUT_ROWS 39
#define REMOVED_FIELD 40

#define TEXT(literal) ((mimo_string){literal, sizeof(literal) - 1})

static mimo_status describe(const mimo_host *host, mimo_builder *builder, mimo_string layout) {
  (void)layout;
  int64_t dims[2] = {4, 2};
  mimo_string name = TEXT("w");
#if FAULT == SILENT_FAILURE
  return MIMO_FAILED;
#elif FAULT == ODD_STATUS
  return 7;
#elif FAULT == DECLARES_NOTHING
  return MIMO_OK;
#elif FAULT == GOES_ON_AFTER_FAILURE
  host->fail(builder, TEXT("the first reason"));
  host->fail(builder, TEXT("the second reason"));
  return MIMO_OK;
#elif FAULT == ENDLESS
  for (;;)
    if (host->source(builder, name, 2, dims, MIMO_DTYPE_MODEL) == MIMO_NO_NODE) return MIMO_FAILED;
#endif
#if FAULT == NULL_NAME
  name = (mimo_string){NULL, 3};
#endif
  mimo_node node = host->source(builder, name, FAULT == RANK_TOO_HIGH ? 9 : 2, FAULT == NULL_DIMS ? NULL : dims,
                                FAULT == UNKNOWN_DTYPE ? 99 : MIMO_DTYPE_MODEL);
  if (node == MIMO_NO_NODE) return MIMO_FAILED;
#if FAULT == UNKNOWN_KERNEL
  mimo_kernel kernel = {sizeof kernel, 42, 1.0};
  node = host->map(builder, node, &kernel);
  if (node == MIMO_NO_NODE) return MIMO_FAILED;
#endif
#if FAULT == UNKNOWN_ENCODING || FAULT == SHORT_ENCODING || FAULT == ENCODING_WITHOUT_SCALES || FAULT == BLOCK_WITHOUT_ROWS
  mimo_encoding encoding = {sizeof encoding, MIMO_ENCODING_FP8_BLOCK, TEXT("q"), TEXT("q"), TEXT("q_scale_inv"),
                            dims, 2, 0, 128, 128};
  if (FAULT == UNKNOWN_ENCODING) encoding.kind = 42;
  if (FAULT == SHORT_ENCODING) encoding.struct_size = 64;
  if (FAULT == ENCODING_WITHOUT_SCALES) encoding.scales = (mimo_string){NULL, 0};
  if (FAULT == BLOCK_WITHOUT_ROWS) encoding.block_rows = 0;
  node = host->decode(builder, &encoding);
  if (node == MIMO_NO_NODE) return MIMO_FAILED;
#elif FAULT == REMOVED_FIELD
  mimo_value value = {sizeof value, MIMO_VALUE_REMOVE, 0, 0, {NULL, 0}, NULL, 0};
  if (host->config_override(builder, TEXT("a"), &value, TEXT("a reason")) != MIMO_OK) return MIMO_FAILED;
  if (host->provider_field(builder, TEXT("a"), &value) != MIMO_OK) return MIMO_FAILED;
#endif
  mimo_segment segment = {sizeof segment, 0, TEXT(""), 4, 1, TEXT("row")};
  mimo_target target;
  memset(&target, 0, sizeof target);
  target.struct_size = FAULT == SHORT_TARGET ? 16 : sizeof target;
  target.name = TEXT("w");
  target.node = FAULT == UNKNOWN_NODE ? node + 5 : node;
  target.layer = -1;
  target.expert = -1;
  target.split = FAULT == UNKNOWN_SPLIT ? 9 : MIMO_SPLIT_TP;
  target.split_dim = 0;
  target.segments = &segment;
  target.segment_count = 1;
  target.segment_stride = sizeof segment;
  if (FAULT == SEGMENT_WITHOUT_SPLIT) target.split = MIMO_SPLIT_NONE;
  if (FAULT == LAYER_BEYOND_COUNT) target.layer = 3, target.layer_count = 3;
  host->target(builder, FAULT == NULL_TARGET ? NULL : &target);
  return MIMO_OK;
}

static const mimo_string architectures[] = {{"ToyModel", 8}};
static const mimo_string layouts[] = {{"megatron", 8}};
static const mimo_component components[] = {
    {sizeof(mimo_component), 0, {"language", 8}, {"", 0}, {"", 0}, {"language_model", 14}},
    {sizeof(mimo_component), 0, {"language", 8}, {"", 0}, {"", 0}, {"language_model", 14}},
};

static const mimo_plugin table = {
    .struct_size = FAULT == SHORT_TABLE ? 24 : sizeof(mimo_plugin),
    .abi = FAULT == TABLE_OF_OTHER_ABI ? 7 : MIMO_ABI_VERSION,
#if FAULT == NO_UTF8
    .family = {"To\xFFy", 4},
#elif FAULT != EMPTY_FAMILY
    .family = {"Toy", 3},
#endif
    .version = {"0.1", 3},
#if FAULT != NULL_ARCHITECTURES
    .architectures = architectures,
#endif
    .architecture_count = 1,
    .components = components,
    .component_count = FAULT == DOUBLED_COMPONENT ? 2 : 1,
    .component_stride = FAULT == SHORT_STRIDE ? 8 : sizeof(mimo_component),
    .layouts = layouts,
    .layout_count = FAULT == NO_LAYOUTS ? 0 : 1,
#if FAULT != NO_DESCRIBE
    .describe = describe,
#endif
};

#ifdef NO_ENTRY
const void *keep(void) { return &table; }
#else
mimo_status mimo_plugin_entry(const mimo_offer *offer, mimo_answer *answer) {
  (void)offer;
  answer->abi = FAULT == OTHER_ABI ? 2 : MIMO_ABI_VERSION;
  if (FAULT == REFUSES) {
    answer->refusal = TEXT("made for the moon");
    return MIMO_FAILED;
  }
  answer->plugin = FAULT == NULL_TABLE ? NULL : &table;
  return MIMO_OK;
}
#endif
