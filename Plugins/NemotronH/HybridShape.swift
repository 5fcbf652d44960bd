import PluginKit

/// Sizes of a Nemotron-H. Source: transformers 5.12, `NemotronHConfig`.
struct HybridShape {
  /// Routed experts, a shared one beside them, and the space that the routed ones work in.
  struct Mixture {
    /// `hidden` is that of the experts: the latent size, if there is one.
    let experts: ExpertShape
    let shared: Int
    let isLatent: Bool
  }

  let language: LanguageShape
  let layers: [LayerKind]
  let attention: AttentionShape
  let mamba: MambaShape
  /// Of MLP layers; 0 where there are none.
  let intermediate: Int
  /// nil where no layer has experts.
  let mixture: Mixture?
  /// How many tokens more are predicted.
  let predictions: Int
  /// Layers of one block of multi-token prediction.
  let mtpLayers: [LayerKind]
  /// One block that predicts again and again has its weights once. Source: Megatron-core `mtp_use_repeated_layer`.
  let isMTPRepeated: Bool

  var hidden: Int { language.hidden }
  /// Blocks that have weights of their own.
  var mtpBlocks: Int { isMTPRepeated ? min(predictions, 1) : predictions }

  init(_ config: Config) throws(Refusal) {
    layers = try config.layerKinds("hybrid_override_pattern", "layers_block_type")
    language = try LanguageShape(
      config, isTied: try config.flag("tie_word_embeddings", default: false), layers: layers.count)
    attention = try AttentionShape(config, hidden: language.hidden)
    mamba = try MambaShape(config, hidden: language.hidden)
    predictions = try config.size("num_nextn_predict_layers", default: 0, atLeast: 0, atMost: 64)
    mtpLayers = predictions == 0 ? [] : try config.layerKinds("mtp_hybrid_override_pattern", "mtp_layers_block_type")
    isMTPRepeated = try config.flag("mtp_use_repeated_layer", default: true)
    let all = layers + mtpLayers
    intermediate = all.contains(.mlp) ? try config.size("intermediate_size") : 0
    mixture = all.contains(.experts) ? try Mixture(config, hidden: language.hidden) : nil
  }
}

extension HybridShape.Mixture {
  fileprivate init(_ config: Config, hidden: Int) throws(Refusal) {
    isLatent = config.has("moe_latent_size")
    experts = ExpertShape(
      count: try config.size("n_routed_experts", atMost: Config.largestCount),
      hidden: isLatent ? try config.size("moe_latent_size") : hidden,
      intermediate: try config.size("moe_intermediate_size"))
    shared = try config.size("moe_shared_expert_intermediate_size")
  }
}

extension AttentionShape {
  /// The first configs of the family call the size of a head `attention_head_dim`.
  fileprivate init(_ config: Config, hidden: Int) throws(Refusal) {
    let (heads, groups) = try config.heads(groupsMayBeMissing: config.mentions("num_key_value_heads"))
    let key = config.has("attention_head_dim") && !config.has("head_dim") ? "attention_head_dim" : "head_dim"
    let headDim = try config.size(key, default: 128, atMost: Config.largestCount)
    self.init(hidden: hidden, heads: heads, groups: groups, headDim: headDim)
  }
}

extension MambaShape {
  fileprivate init(_ config: Config, hidden: Int) throws(Refusal) {
    let most = Config.largestCount
    let heads = try config.size("mamba_num_heads", atMost: most)
    let groups = try config.size(config.has("mamba_n_groups") ? "mamba_n_groups" : "n_groups", atMost: heads)
    guard heads % groups == 0 else {
      throw config.refuse("n_groups", "is \(groups), which does not divide mamba_num_heads \(heads)")
    }
    self.init(
      hidden: hidden, heads: heads, headDim: try config.size("mamba_head_dim", atMost: most), groups: groups,
      state: try config.size("ssm_state_size", atMost: most))
  }
}
