import PluginKit

/// GLM-4.5 and GLM-5: first layers dense, then experts. GLM-4.5 has grouped-query attention and predicts more tokens,
/// GLM-5 has latent attention that looks where an indexer tells.
struct GLM4MoE {
  let model: Model
  let layers: FirstDense
  let attention: Attention
  let mtpLayers: Int

  enum Attention {
    case grouped(AttentionShape, norm: QueryKeyNorm, bias: Bool)
    case sparse(LatentAttentionShape, IndexerShape)
  }

  init(_ model: Model) throws(Refusal) {
    self.model = model
    let config = model.config
    try config.require("tie_word_embeddings", false, "GLM has an output layer of its own")
    try config.require("mlp_bias", false, "GLM's MLPs have no biases")
    try config.requireSilu()
    layers = try FirstDense(config, try LanguageShape(config, isTied: false))
    let isSparse = model.architecture.matches("GlmMoeDsaForCausalLM")
    attention = isSparse ? try .sparse(config, layers.shape) : try .grouped(config, layers.shape)
    mtpLayers = try config.size("num_nextn_predict_layers", default: 0, atLeast: 0, atMost: Config.largestCount)
  }

  func describe(in layout: Layout) throws(Refusal) {
    let root = Part(model, source: "model.", layout: layout)
    let predictsMore = (!attention.isSparse || layout == .prime) && mtpLayers > 0
    try layers.describe(root, repeatsEmbedding: predictsMore, attention: describeAttention)
    if predictsMore {
      try root.trailingMTP(mtpLayers, after: layers.shape) { (layer) throws(Refusal) in
        try describeAttention(layer)
        try layer.mixture(layers.mixture)
      }
    } else if mtpLayers > 0 {
      try dropMTP()
    }
    if layout == .prime { try model.dropPrimeBuffers() } else { try describeProvider() }
  }

  private func describeAttention(_ layer: Part) throws(Refusal) {
    switch attention {
    case .grouped(let shape, let norm, let bias): try layer.attention(shape, norm: norm, bias: bias)
    case .sparse(let shape, let indexer): try layer.latentAttention(shape, indexer: indexer)
    }
  }

  /// Megatron-Bridge builds GLM-5 without them.
  private func dropMTP() throws(Refusal) {
    let reason = "Megatron-Bridge builds GLM-5 without multi-token prediction"
    for index in 0..<mtpLayers { try model.drop("model.layers.\(layers.shape.layers + index).*", reason: reason) }
    try model.configOverride("num_nextn_predict_layers", .int(0), reason: reason)
  }
}

extension GLM4MoE.Attention {
  var isSparse: Bool {
    if case .sparse = self { true } else { false }
  }

  static func grouped(_ config: Config, _ shape: LanguageShape) throws(Refusal) -> Self {
    let (heads, groups) = try config.heads()
    let headDim = try config.size("head_dim", default: shape.hidden / heads, atMost: Config.largestCount)
    return .grouped(
      AttentionShape(hidden: shape.hidden, heads: heads, groups: groups, headDim: headDim),
      norm: try config.flag("use_qk_norm", default: false) ? .perHead : .none,
      bias: try config.flag("attention_bias", default: false))
  }

  static func sparse(_ config: Config, _ shape: LanguageShape) throws(Refusal) -> Self {
    try config.require("attention_bias", false, "Megatron's latent attention has no biases")
    // A layer that shares another's choice of tokens has no indexer of its own.
    _ = try config.size("index_topk_freq", default: 1, atMost: 1)
    try config.requireNone("index_topk_pattern", "layers that share an indexer are not supported")
    for layer in 0..<(try config.count("indexer_types")) {
      let key = "indexer_types.\(layer)"
      guard try config.text(key)?.matches("full") == true else {
        throw config.refuse(key, "is not full: layers that share an indexer are not supported")
      }
    }
    for layer in 0..<(try config.count("mlp_layer_types")) {
      let key = "mlp_layer_types.\(layer)"
      let isDense = try layer < config.size("first_k_dense_replace", atLeast: 0)
      guard try config.text(key)?.matches(isDense ? "dense" : "sparse") == true else {
        throw config.refuse(key, "is not what first_k_dense_replace makes it")
      }
    }
    let indexer = IndexerShape(
      heads: try config.size("index_n_heads", atMost: Config.largestCount),
      headDim: try config.size("index_head_dim", atMost: Config.largestCount))
    return .sparse(try LatentAttentionShape(config, hidden: shape.hidden), indexer)
  }
}
