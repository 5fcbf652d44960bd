/* mimo_plugin_layout.h - the byte layout that ABI 1 promises, checked by every compiler that includes it.
 *
 * Both sides are compiled apart and meet in memory, so a size that a compiler or an edit changed must stop the build.
 * The same numbers stand in Sources/PluginABI/layout.txt. Lines are only ever added.
 */
#ifndef MIMO_PLUGIN_LAYOUT_H
#define MIMO_PLUGIN_LAYOUT_H

#include "mimo_plugin.h"

#ifdef __cplusplus
#define MIMO_LAYOUT_ASSERT static_assert
#define MIMO_LAYOUT_ALIGN alignof
#else
#define MIMO_LAYOUT_ASSERT _Static_assert
#define MIMO_LAYOUT_ALIGN _Alignof
#endif

#define MIMO_LAYOUT_STRUCT(type, alignment, size)                                          \
  MIMO_LAYOUT_ASSERT(MIMO_LAYOUT_ALIGN(type) == alignment, "alignment of " #type);         \
  MIMO_LAYOUT_ASSERT(sizeof(type) == size, "size of " #type)
#define MIMO_LAYOUT_MEMBER(type, member, offset, size)                                     \
  MIMO_LAYOUT_ASSERT(offsetof(type, member) == offset, "offset of " #type "." #member);    \
  MIMO_LAYOUT_ASSERT(sizeof(((type *)0)->member) == size, "size of " #type "." #member)

MIMO_LAYOUT_ASSERT(sizeof(void *) == 8 && sizeof(size_t) == 8, "ABI 1 is for LP64 platforms");

MIMO_LAYOUT_STRUCT(mimo_string, 8, 16);
MIMO_LAYOUT_MEMBER(mimo_string, data, 0, 8);
MIMO_LAYOUT_MEMBER(mimo_string, length, 8, 8);

MIMO_LAYOUT_STRUCT(mimo_kernel, 8, 16);
MIMO_LAYOUT_MEMBER(mimo_kernel, struct_size, 0, 4);
MIMO_LAYOUT_MEMBER(mimo_kernel, kind, 4, 4);
MIMO_LAYOUT_MEMBER(mimo_kernel, value, 8, 8);

MIMO_LAYOUT_STRUCT(mimo_segment, 8, 56);
MIMO_LAYOUT_MEMBER(mimo_segment, struct_size, 0, 4);
MIMO_LAYOUT_MEMBER(mimo_segment, flags, 4, 4);
MIMO_LAYOUT_MEMBER(mimo_segment, name, 8, 16);
MIMO_LAYOUT_MEMBER(mimo_segment, extent, 24, 8);
MIMO_LAYOUT_MEMBER(mimo_segment, unit, 32, 8);
MIMO_LAYOUT_MEMBER(mimo_segment, unit_name, 40, 16);

MIMO_LAYOUT_STRUCT(mimo_target, 8, 128);
MIMO_LAYOUT_MEMBER(mimo_target, struct_size, 0, 4);
MIMO_LAYOUT_MEMBER(mimo_target, component, 4, 4);
MIMO_LAYOUT_MEMBER(mimo_target, name, 8, 16);
MIMO_LAYOUT_MEMBER(mimo_target, key, 24, 16);
MIMO_LAYOUT_MEMBER(mimo_target, node, 40, 4);
MIMO_LAYOUT_MEMBER(mimo_target, kind, 44, 4);
MIMO_LAYOUT_MEMBER(mimo_target, dtype, 48, 4);
MIMO_LAYOUT_MEMBER(mimo_target, stage, 52, 4);
MIMO_LAYOUT_MEMBER(mimo_target, layer, 56, 8);
MIMO_LAYOUT_MEMBER(mimo_target, layer_count, 64, 8);
MIMO_LAYOUT_MEMBER(mimo_target, expert, 72, 8);
MIMO_LAYOUT_MEMBER(mimo_target, expert_count, 80, 8);
MIMO_LAYOUT_MEMBER(mimo_target, split, 88, 4);
MIMO_LAYOUT_MEMBER(mimo_target, split_dim, 92, 4);
MIMO_LAYOUT_MEMBER(mimo_target, segments, 96, 8);
MIMO_LAYOUT_MEMBER(mimo_target, segment_count, 104, 8);
MIMO_LAYOUT_MEMBER(mimo_target, segment_stride, 112, 8);
MIMO_LAYOUT_MEMBER(mimo_target, flags, 120, 4);
MIMO_LAYOUT_MEMBER(mimo_target, reserved, 124, 4);

MIMO_LAYOUT_STRUCT(mimo_state_entry, 8, 56);
MIMO_LAYOUT_MEMBER(mimo_state_entry, struct_size, 0, 4);
MIMO_LAYOUT_MEMBER(mimo_state_entry, component, 4, 4);
MIMO_LAYOUT_MEMBER(mimo_state_entry, key, 8, 16);
MIMO_LAYOUT_MEMBER(mimo_state_entry, layer, 24, 8);
MIMO_LAYOUT_MEMBER(mimo_state_entry, layer_count, 32, 8);
MIMO_LAYOUT_MEMBER(mimo_state_entry, expert, 40, 8);
MIMO_LAYOUT_MEMBER(mimo_state_entry, expert_count, 48, 8);

MIMO_LAYOUT_STRUCT(mimo_value, 8, 56);
MIMO_LAYOUT_MEMBER(mimo_value, struct_size, 0, 4);
MIMO_LAYOUT_MEMBER(mimo_value, kind, 4, 4);
MIMO_LAYOUT_MEMBER(mimo_value, integer, 8, 8);
MIMO_LAYOUT_MEMBER(mimo_value, number, 16, 8);
MIMO_LAYOUT_MEMBER(mimo_value, text, 24, 16);
MIMO_LAYOUT_MEMBER(mimo_value, integers, 40, 8);
MIMO_LAYOUT_MEMBER(mimo_value, count, 48, 8);

MIMO_LAYOUT_STRUCT(mimo_encoding, 8, 88);
MIMO_LAYOUT_MEMBER(mimo_encoding, struct_size, 0, 4);
MIMO_LAYOUT_MEMBER(mimo_encoding, kind, 4, 4);
MIMO_LAYOUT_MEMBER(mimo_encoding, name, 8, 16);
MIMO_LAYOUT_MEMBER(mimo_encoding, codes, 24, 16);
MIMO_LAYOUT_MEMBER(mimo_encoding, scales, 40, 16);
MIMO_LAYOUT_MEMBER(mimo_encoding, dims, 56, 8);
MIMO_LAYOUT_MEMBER(mimo_encoding, rank, 64, 4);
MIMO_LAYOUT_MEMBER(mimo_encoding, reserved, 68, 4);
MIMO_LAYOUT_MEMBER(mimo_encoding, block_rows, 72, 8);
MIMO_LAYOUT_MEMBER(mimo_encoding, block_columns, 80, 8);

MIMO_LAYOUT_STRUCT(mimo_host, 8, 232);
MIMO_LAYOUT_MEMBER(mimo_host, struct_size, 0, 4);
MIMO_LAYOUT_MEMBER(mimo_host, abi, 4, 4);
MIMO_LAYOUT_MEMBER(mimo_host, config_kind, 8, 8);
MIMO_LAYOUT_MEMBER(mimo_host, config_count, 16, 8);
MIMO_LAYOUT_MEMBER(mimo_host, config_int, 24, 8);
MIMO_LAYOUT_MEMBER(mimo_host, config_float, 32, 8);
MIMO_LAYOUT_MEMBER(mimo_host, config_bool, 40, 8);
MIMO_LAYOUT_MEMBER(mimo_host, config_string, 48, 8);
MIMO_LAYOUT_MEMBER(mimo_host, architecture, 56, 8);
MIMO_LAYOUT_MEMBER(mimo_host, source_state, 64, 8);
MIMO_LAYOUT_MEMBER(mimo_host, source_shape, 72, 8);
MIMO_LAYOUT_MEMBER(mimo_host, option, 80, 8);
MIMO_LAYOUT_MEMBER(mimo_host, source, 88, 8);
MIMO_LAYOUT_MEMBER(mimo_host, concat, 96, 8);
MIMO_LAYOUT_MEMBER(mimo_host, narrow, 104, 8);
MIMO_LAYOUT_MEMBER(mimo_host, reshape, 112, 8);
MIMO_LAYOUT_MEMBER(mimo_host, permute, 120, 8);
MIMO_LAYOUT_MEMBER(mimo_host, pad, 128, 8);
MIMO_LAYOUT_MEMBER(mimo_host, map, 136, 8);
MIMO_LAYOUT_MEMBER(mimo_host, target, 144, 8);
MIMO_LAYOUT_MEMBER(mimo_host, alias, 152, 8);
MIMO_LAYOUT_MEMBER(mimo_host, state_entry, 160, 8);
MIMO_LAYOUT_MEMBER(mimo_host, drop, 168, 8);
MIMO_LAYOUT_MEMBER(mimo_host, tie, 176, 8);
MIMO_LAYOUT_MEMBER(mimo_host, provider, 184, 8);
MIMO_LAYOUT_MEMBER(mimo_host, provider_field, 192, 8);
MIMO_LAYOUT_MEMBER(mimo_host, config_override, 200, 8);
MIMO_LAYOUT_MEMBER(mimo_host, fail, 208, 8);
MIMO_LAYOUT_MEMBER(mimo_host, zeros, 216, 8);
MIMO_LAYOUT_MEMBER(mimo_host, decode, 224, 8);

MIMO_LAYOUT_STRUCT(mimo_component, 8, 72);
MIMO_LAYOUT_MEMBER(mimo_component, struct_size, 0, 4);
MIMO_LAYOUT_MEMBER(mimo_component, reserved, 4, 4);
MIMO_LAYOUT_MEMBER(mimo_component, name, 8, 16);
MIMO_LAYOUT_MEMBER(mimo_component, source_prefix, 24, 16);
MIMO_LAYOUT_MEMBER(mimo_component, modality_key, 40, 16);
MIMO_LAYOUT_MEMBER(mimo_component, target_module_path, 56, 16);

MIMO_LAYOUT_STRUCT(mimo_plugin, 8, 112);
MIMO_LAYOUT_MEMBER(mimo_plugin, struct_size, 0, 4);
MIMO_LAYOUT_MEMBER(mimo_plugin, abi, 4, 4);
MIMO_LAYOUT_MEMBER(mimo_plugin, family, 8, 16);
MIMO_LAYOUT_MEMBER(mimo_plugin, version, 24, 16);
MIMO_LAYOUT_MEMBER(mimo_plugin, architectures, 40, 8);
MIMO_LAYOUT_MEMBER(mimo_plugin, architecture_count, 48, 8);
MIMO_LAYOUT_MEMBER(mimo_plugin, components, 56, 8);
MIMO_LAYOUT_MEMBER(mimo_plugin, component_count, 64, 8);
MIMO_LAYOUT_MEMBER(mimo_plugin, component_stride, 72, 8);
MIMO_LAYOUT_MEMBER(mimo_plugin, layouts, 80, 8);
MIMO_LAYOUT_MEMBER(mimo_plugin, layout_count, 88, 8);
MIMO_LAYOUT_MEMBER(mimo_plugin, describe, 96, 8);
MIMO_LAYOUT_MEMBER(mimo_plugin, extension, 104, 8);

MIMO_LAYOUT_STRUCT(mimo_offer, 8, 32);
MIMO_LAYOUT_MEMBER(mimo_offer, struct_size, 0, 4);
MIMO_LAYOUT_MEMBER(mimo_offer, abi_min, 4, 4);
MIMO_LAYOUT_MEMBER(mimo_offer, abi_max, 8, 4);
MIMO_LAYOUT_MEMBER(mimo_offer, reserved, 12, 4);
MIMO_LAYOUT_MEMBER(mimo_offer, host_version, 16, 16);

MIMO_LAYOUT_STRUCT(mimo_answer, 8, 32);
MIMO_LAYOUT_MEMBER(mimo_answer, struct_size, 0, 4);
MIMO_LAYOUT_MEMBER(mimo_answer, abi, 4, 4);
MIMO_LAYOUT_MEMBER(mimo_answer, plugin, 8, 8);
MIMO_LAYOUT_MEMBER(mimo_answer, refusal, 16, 16);

#undef MIMO_LAYOUT_MEMBER
#undef MIMO_LAYOUT_STRUCT
#undef MIMO_LAYOUT_ALIGN
#undef MIMO_LAYOUT_ASSERT

#endif
