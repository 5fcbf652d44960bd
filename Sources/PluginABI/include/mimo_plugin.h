/* mimo_plugin.h - the contract between mimo-host and a model family plugin (ABI 1).
 *
 * A plugin is a shared library that exports one symbol, `mimo_plugin_entry`. It declares, for one config.json, every
 * tensor of the Hugging Face checkpoint, every tensor of the asked layout, how the one is made of the other and where
 * each target lives in a parallel layout. It opens no file, moves no byte and starts no thread.
 *
 * Rules of the boundary
 *   R1  Every struct but mimo_string starts with `struct_size`. Structs grow only at their end. Nobody reads past the
 *       peer's size.
 *   R2  Views (mimo_string, pointers with a count) are borrowed: valid for the call; what the host lends to `describe`
 *       until it returns; what is in the plugin's table for the life of the library. No allocation crosses the boundary
 *       in either direction.
 *   R3  Functions answer with a mimo_status or an id; errors are said through `fail`. A plugin never exits or aborts.
 *   R4  `describe` is deterministic and re-entrant: the same config, sources and options give the same calls.
 *       A call that declares something is checked by itself at once; against the others when the host builds the model
 *       from all of them, after that or meanwhile: an answered id is no promise that it will be taken.
 *   R5  After a call answered MIMO_FAILED (or MIMO_NO_NODE) the plugin returns from `describe` with MIMO_FAILED. The host
 *       remembers the first failure, so a plugin may also go on: later calls answer failed and change nothing.
 *   Thread tags: [host] the host calls it, on any one thread at a time per builder; [describe] the plugin calls it, only
 *   during `describe` and only on the thread that `describe` runs on.
 */
#ifndef MIMO_PLUGIN_H
#define MIMO_PLUGIN_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ABI majors. A major changes when an existing member changes meaning; growth at the end of a struct does not. */
#define MIMO_ABI_VERSION 1u
#define MIMO_ENTRY_SYMBOL "mimo_plugin_entry"

/* UTF-8 text, not NUL-terminated. */
typedef struct mimo_string {
  const char *data;
  size_t length;
} mimo_string;

typedef int32_t mimo_status;
#define MIMO_OK 0     /* done */
#define MIMO_ABSENT 1 /* the asked thing does not exist (a config key, a source, an option) */
#define MIMO_FAILED 2 /* refused; the host holds the message */

/* Element types. 0 stands for "the model's own dtype" (params_dtype, as config.json or --dtype says); for a target of
 * layout "prime" for the dtype that its sources are stored in. */
typedef uint32_t mimo_dtype;
#define MIMO_DTYPE_MODEL 0u
#define MIMO_DTYPE_F32 1u
#define MIMO_DTYPE_F16 2u
#define MIMO_DTYPE_BF16 3u
#define MIMO_DTYPE_U8 4u
#define MIMO_DTYPE_F8_E4M3 5u

/* Kinds of a config value, as `config_kind` answers. */
#define MIMO_KIND_ABSENT 0u
#define MIMO_KIND_NULL 1u
#define MIMO_KIND_BOOL 2u
#define MIMO_KIND_INT 3u
#define MIMO_KIND_FLOAT 4u
#define MIMO_KIND_STRING 5u
#define MIMO_KIND_LIST 6u
#define MIMO_KIND_OBJECT 7u

/* Answers of `source_state`. */
#define MIMO_SOURCE_ABSENT 0u  /* the checkpoint is known and has no such tensor */
#define MIMO_SOURCE_PRESENT 1u /* the checkpoint is known and has it */
#define MIMO_SOURCE_UNKNOWN 2u /* there is no checkpoint at hand: declare the family's published form */

/* A node of the mapping graph: a tensor made of sources. */
typedef uint32_t mimo_node;
#define MIMO_NO_NODE UINT32_MAX
typedef uint32_t mimo_target_id;
#define MIMO_NO_TARGET UINT32_MAX
#define MIMO_NO_DIM UINT32_MAX
#define MIMO_MAX_RANK 8u

/* Value-changing kernels on elements. */
/* x + value, in the source's dtype (in F32 for an F32 target), then cast; inverse: x - value, in the target's dtype (in F32
 * for an F32 source), then cast. */
#define MIMO_KERNEL_ADD 1u
/* Lossy: x - the least x of the source, in its dtype, then cast; the way back only casts. For one small source as a whole,
 * because its minimum must be known before its first element is written; `value` is 0. */
#define MIMO_KERNEL_MIN_SHIFT 2u

typedef struct mimo_kernel {
  uint32_t struct_size;
  uint32_t kind;
  double value;
} mimo_kernel;

/* How values are packed into codes and scales that the checkpoint stores as two tensors. */
/* One E4M3 byte an element; one float scale a block of block_rows x block_columns of the last two dims, the last blocks
 * cut off. Codes have the shape of the values, scales one entry a block. */
#define MIMO_ENCODING_FP8_BLOCK 1u
/* Four bits an element (E2M1, low nibble first); one exponent byte (2^(scale - 127)) a group of 32 along the last dim.
 * For values (..., n) the codes are (..., n / 32, 16) bytes, the scales (..., n / 32). */
#define MIMO_ENCODING_MXFP4 2u

typedef struct mimo_encoding {
  uint32_t struct_size;
  uint32_t kind;
  mimo_string name;   /* what the values are called, in messages and in the exported, decoded form */
  mimo_string codes;  /* name of the tensor with the codes */
  mimo_string scales; /* name of the tensor with the scales */
  const int64_t *dims; /* shape of the values */
  uint32_t rank;
  uint32_t reserved;
  int64_t block_rows;    /* 0 with MXFP4 */
  int64_t block_columns; /* 0 with MXFP4 */
} mimo_encoding;

/* Where a target lives in the pipeline. */
#define MIMO_STAGE_FIRST 0u
#define MIMO_STAGE_LAST 1u
#define MIMO_STAGE_LAYER 2u /* the stage that holds decoder layer `layer`; its name is renumbered from 0 on each stage */

/* What a target is to its module. */
#define MIMO_PARAMETER 0u
#define MIMO_BUFFER 1u

/* Which size splits it: tp, or etp for the weights of routed experts. */
#define MIMO_SPLIT_NONE 0u
#define MIMO_SPLIT_TP 1u
#define MIMO_SPLIT_ETP 2u

#define MIMO_TARGET_VOCABULARY 1u /* flag: dim 0 is the vocabulary, may be padded with zero rows at its end */

/* Flag: more ranks than units may share a unit, each with an equal part of it (key/value groups in Megatron). */
#define MIMO_SEGMENT_SHARED_UNITS 1u

/* One part of a split dim. Each part is cut on its own, so that a rank holds [gate_r; up_r], not a slice of the whole.
 * `unit`: rows that must stay together (a head, a key/value group), at least 1; `unit_name` names one in errors, in the
 * singular.
 * `name`: not empty when the checkpoint stores this part under a key of its own, `<key>.<name>`. */
typedef struct mimo_segment {
  uint32_t struct_size;
  uint32_t flags;
  mimo_string name;
  int64_t extent;
  int64_t unit;
  mimo_string unit_name;
} mimo_segment;

/* One tensor of the layout, whole (tp = pp = ep = 1), below the component's prefix.
 * `name` is its name in the module, `key` its name in a distributed checkpoint (empty: same as `name`). Both are
 * templates: `{layer}` and `{expert}` stand for the global numbers. A placeholder that `name` has and `key` has not
 * becomes a leading axis of the stored tensor (layer first, then expert). */
typedef struct mimo_target {
  uint32_t struct_size;
  uint32_t component; /* index into the plugin's components */
  mimo_string name;
  mimo_string key;
  mimo_node node;
  uint32_t kind;   /* MIMO_PARAMETER or MIMO_BUFFER */
  mimo_dtype dtype; /* MIMO_DTYPE_MODEL or fixed */
  uint32_t stage;
  int64_t layer;        /* -1: none */
  int64_t layer_count;  /* size of a layer axis; 0 with layer -1 */
  int64_t expert;       /* -1: none */
  int64_t expert_count; /* over all ep ranks; 0 with expert -1 */
  uint32_t split;       /* MIMO_SPLIT_* */
  uint32_t split_dim;   /* MIMO_NO_DIM with MIMO_SPLIT_NONE */
  const mimo_segment *segments; /* at least one with a split; their extents sum up to the split dim */
  size_t segment_count;
  size_t segment_stride; /* sizeof(mimo_segment) as the plugin was compiled */
  uint32_t flags;
  uint32_t reserved;
} mimo_target;

/* An entry without weights that a loader asks for, with the same rules for placeholders. `key` is the whole key, with
 * its `._extra_state`; the shard suffix is the host's. */
typedef struct mimo_state_entry {
  uint32_t struct_size;
  uint32_t component;
  mimo_string key;
  int64_t layer;
  int64_t layer_count;
  int64_t expert;
  int64_t expert_count;
} mimo_state_entry;

/* A value for the provider section of run_config.yaml, or for an exported config.json. */
#define MIMO_VALUE_NULL 0u
#define MIMO_VALUE_BOOL 1u   /* integer != 0 */
#define MIMO_VALUE_INT 2u    /* integer */
#define MIMO_VALUE_FLOAT 3u  /* number */
#define MIMO_VALUE_STRING 4u /* text */
#define MIMO_VALUE_INTS 5u   /* integers, count */
#define MIMO_VALUE_CONFIG 6u /* text is a path of config.json: its value, whatever its kind */
#define MIMO_VALUE_TARGET 7u /* text is a dotted Python name: `{_target_: text}`; members follow under the same path */
#define MIMO_VALUE_NAME 8u   /* text is a dotted Python name, not called: `{_target_: text, _call_: false}` */
#define MIMO_VALUE_REMOVE 9u /* config_override only: the key is taken out */

typedef struct mimo_value {
  uint32_t struct_size;
  uint32_t kind;
  int64_t integer;
  double number;
  mimo_string text;
  const int64_t *integers;
  size_t count;
} mimo_value;

typedef struct mimo_builder mimo_builder;

/* What the host offers to `describe`. All functions are [describe]. Paths into config.json are dotted, lists by number:
 * "text_config.layer_types.3". */
typedef struct mimo_host {
  uint32_t struct_size;
  uint32_t abi;

  /* --- the model ------------------------------------------------------------------------------------------- */
  uint32_t (*config_kind)(mimo_builder *, mimo_string path);
  /* Number of members of a list or object; -1 when the path is neither. */
  int64_t (*config_count)(mimo_builder *, mimo_string path);
  /* MIMO_ABSENT for a missing key or null; another kind than asked is MIMO_FAILED with the key's name. */
  mimo_status (*config_int)(mimo_builder *, mimo_string path, int64_t *out);
  mimo_status (*config_float)(mimo_builder *, mimo_string path, double *out);
  mimo_status (*config_bool)(mimo_builder *, mimo_string path, uint8_t *out);
  mimo_status (*config_string)(mimo_builder *, mimo_string path, mimo_string *out);
  /* The one of `architectures` of config.json that this plugin serves. */
  mimo_string (*architecture)(mimo_builder *);
  uint32_t (*source_state)(mimo_builder *, mimo_string name);
  /* Shape of a present source: writes up to MIMO_MAX_RANK dims, answers the rank, -1 when it is not present. */
  int32_t (*source_shape)(mimo_builder *, mimo_string name, int64_t *dims);
  /* What was asked for. "expert_storage" -> "per_expert" | "packed" | "packed_transposed": the form of routed experts
   * where the checkpoint's keys do not show it. "dtype" -> "bfloat16" | "float16" | "float32": the model's own dtype.
   * "quantized" -> "no": values are written, none may be encoded. */
  mimo_status (*option)(mimo_builder *, mimo_string name, mimo_string *out);

  /* --- the mapping graph ----------------------------------------------------------------------------------- */
  /* `published`: the dtype in published checkpoints, for synthetic ones and for exports that nothing else decides. */
  mimo_node (*source)(mimo_builder *, mimo_string name, uint32_t rank, const int64_t *dims, mimo_dtype published);
  mimo_node (*concat)(mimo_builder *, uint32_t dim, const mimo_node *nodes, size_t count);
  mimo_node (*narrow)(mimo_builder *, mimo_node, uint32_t dim, int64_t start, int64_t length);
  mimo_node (*reshape)(mimo_builder *, mimo_node, uint32_t rank, const int64_t *dims);
  mimo_node (*permute)(mimo_builder *, mimo_node, uint32_t rank, const uint32_t *order);
  /* Zeros at the end of `dim` until it has `extent`. */
  mimo_node (*pad)(mimo_builder *, mimo_node, uint32_t dim, int64_t extent);
  mimo_node (*map)(mimo_builder *, mimo_node, const mimo_kernel *);

  /* --- the layout ------------------------------------------------------------------------------------------ */
  mimo_target_id (*target)(mimo_builder *, const mimo_target *);
  /* With pp > 1 the last stage holds a copy of a first-stage target under `name`; checkpoints hold no key for it. */
  mimo_status (*alias)(mimo_builder *, mimo_target_id of, mimo_string name);
  mimo_status (*state_entry)(mimo_builder *, const mimo_state_entry *);
  /* Sources whose name matches `pattern` (`*` stands for any run of characters) have no place in this layout. In layout
   * "prime" also tensors of a checkpoint in that layout: buffers that only a running trainer needs. */
  mimo_status (*drop)(mimo_builder *, mimo_string pattern, mimo_string reason);
  /* `duplicate` may be stored beside `original`; then the two must hold the same bits, unless a `drop` matches
   * `duplicate` too: one that differs is then left out, with that reason. */
  mimo_status (*tie)(mimo_builder *, mimo_string duplicate, mimo_string original);

  /* --- the files beside the weights ------------------------------------------------------------------------ */
  /* The class that the trainer builds this model with (`_target_` of the provider in run_config.yaml). */
  mimo_status (*provider)(mimo_builder *, mimo_string class_path);
  /* A field of it that differs from the class's default, by dotted path. */
  mimo_status (*provider_field)(mimo_builder *, mimo_string path, const mimo_value *);
  /* What an exported config.json says instead, because the layout lost something. */
  mimo_status (*config_override)(mimo_builder *, mimo_string path, const mimo_value *, mimo_string reason);

  /* Says why this model can not be described. Always answers MIMO_FAILED. */
  mimo_status (*fail)(mimo_builder *, mimo_string message);

  /* --- more of the mapping graph --------------------------------------------------------------------------- */
  /* A tensor of zeros that no source has a part in; a dim may be 0. The way back reads nothing of it. */
  mimo_node (*zeros)(mimo_builder *, uint32_t rank, const int64_t *dims);
  /* A source that is stored as codes and scales: a node of its values, decoded to the model's dtype. With the option
   * "quantized" = "no" (an export) declare the plain `source` instead. */
  mimo_node (*decode)(mimo_builder *, const mimo_encoding *);
} mimo_host;

/* A part of the model with a parallel layout of its own. */
typedef struct mimo_component {
  uint32_t struct_size;
  uint32_t reserved;
  mimo_string name;               /* "language", "images" */
  mimo_string source_prefix;      /* in the single-model naming: "language_model.", "vision_model." or empty */
  mimo_string modality_key;       /* "images"; empty for the language model */
  mimo_string target_module_path; /* in the MIMO naming: "modality_submodules.images.encoders.qwen_visual" */
} mimo_component;

/* What a plugin is. Lives as long as the library. */
typedef struct mimo_plugin {
  uint32_t struct_size;
  uint32_t abi;
  mimo_string family;
  mimo_string version;
  const mimo_string *architectures;
  size_t architecture_count;
  const mimo_component *components;
  size_t component_count;
  size_t component_stride; /* sizeof(mimo_component) as the plugin was compiled */
  const mimo_string *layouts; /* "mimo", "megatron", "prime" */
  size_t layout_count;
  /* [host] Declares one model in one layout. */
  mimo_status (*describe)(const mimo_host *, mimo_builder *, mimo_string layout);
  /* [host] A table for an extension id, or NULL. May itself be NULL. */
  const void *(*extension)(mimo_string id);
} mimo_plugin;

/* First call: the host says which ABI majors it speaks. */
typedef struct mimo_offer {
  uint32_t struct_size;
  uint32_t abi_min;
  uint32_t abi_max;
  uint32_t reserved;
  mimo_string host_version;
} mimo_offer;

/* The plugin's answer: its table, or NULL and a refusal in words. `abi` is the major that it speaks, either way. */
typedef struct mimo_answer {
  uint32_t struct_size;
  uint32_t abi;
  const mimo_plugin *plugin;
  mimo_string refusal;
} mimo_answer;

/* [host] The one exported symbol. MIMO_OK with a table, MIMO_FAILED with a refusal. */
typedef mimo_status (*mimo_entry_function)(const mimo_offer *, mimo_answer *);

#ifdef __cplusplus
}
#endif

#include "mimo_plugin_layout.h"

#endif
