import PluginKit

/// The vision tower's sizes, with the defaults of transformers' config classes.
struct VisionConfig {
  let hidden: Int
  let depth: Int
  let heads: Int
  let intermediate: Int
  let channels: Int
  let patch: Int
  let temporalPatch: Int
  let merge: Int
  let output: Int
  let positions: Int
  let deepstackMergers: Int

  init(_ config: Config, _ architecture: QwenVariant) throws(Refusal) {
    guard config.has("hidden_size") else { throw config.refuse("hidden_size", "is missing") }
    hidden = try config.size("hidden_size")
    depth = try config.size("depth", atMost: Config.largestCount)
    heads = try config.size("num_heads", atMost: Config.largestCount)
    intermediate = try config.size("intermediate_size")
    channels = try config.size("in_channels", default: 3, atMost: 1024)
    patch = try config.size("patch_size", default: 16, atMost: 1024)
    temporalPatch = try config.size("temporal_patch_size", default: 2, atMost: 1024)
    merge = try config.size("spatial_merge_size", default: 2, atMost: 64)
    output = try config.size("out_hidden_size")
    positions = try config.size("num_position_embeddings")
    deepstackMergers = architecture.isQwen35 ? 0 : try config.count("deepstack_visual_indexes")
    guard hidden % heads == 0 else {
      throw config.refuse("num_heads", "is \(heads), which does not divide hidden_size \(hidden)")
    }
    guard architecture.isQwen35 || config.has("deepstack_visual_indexes") else {
      throw config.refuse("deepstack_visual_indexes", "is missing")
    }
  }
}
