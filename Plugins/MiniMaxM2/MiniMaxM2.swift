import PluginKit

/// MiniMax-M2: norms over all heads of queries and keys at once, experts in Mixtral's names.
struct MiniMaxM2 {
  let model: Model
  let shape: LanguageShape
  let attention: AttentionShape
  let mixture: Mixture

  init(_ model: Model) throws(Refusal) {
    self.model = model
    let config = model.config
    try MiniMaxM2.refuseUnknownSwitches(config)
    shape = try LanguageShape(config, isTied: try config.flag("tie_word_embeddings", default: false))
    let (heads, groups) = try config.heads()
    let headDim = try config.size("head_dim", default: 128, atMost: Config.largestCount)
    attention = AttentionShape(hidden: shape.hidden, heads: heads, groups: groups, headDim: headDim)
    let experts = ExpertShape(
      count: try config.size("num_local_experts", atMost: Config.largestCount), hidden: shape.hidden,
      intermediate: try config.size("intermediate_size"), names: .numbered)
    mixture = Mixture(experts, published: .perExpert, scoreBias: "e_score_correction_bias")
  }

  private static func refuseUnknownSwitches(_ config: Config) throws(Refusal) {
    try config.require("attention_bias", false, "MiniMax-M2 attention has no biases")
    try config.require("use_qk_norm", true, "Megatron-Bridge builds MiniMax-M2 with norms of queries and keys")
    try config.require("use_routing_bias", true, "Megatron-Bridge builds MiniMax-M2 with a router bias")
    _ = try config.size("shared_intermediate_size", default: 0, atLeast: 0, atMost: 0)
    try config.requireSilu()
    for (layer, type) in try config.integers("attn_type_list").enumerated() where type != 1 {
      throw config.refuse("attn_type_list.\(layer)", "is \(type): only 1, plain attention, is known")
    }
    guard let type = try config.text("qk_norm_type"), !type.matches("per_layer") else { return }
    throw config.refuse("qk_norm_type", "is \(type.string): only per_layer, over all heads, is known")
  }

  func describe(in layout: Layout) throws(Refusal) {
    let root = Part(model, source: "model.", layout: layout)
    let vocabulary = Vocabulary(
      rows: shape.vocabulary, hidden: shape.hidden, isTied: shape.isTied, embedding: "model.embed_tokens.weight")
    try root.vocabulary(vocabulary, repeatsEmbedding: false)
    for index in 0..<shape.layers {
      let layer = root.entry(
        "decoder.layers", from: "layers", index, of: shape.layers, stacked: true, stage: .layer(index))
      try layer.attention(attention, norm: .wide)
      try layer.mixture(mixture, from: "block_sparse_moe")
    }
    try root.on(.last).norm("decoder.final_layernorm", from: "norm", size: shape.hidden)
    try dropMTP()
    if layout == .prime { try model.dropPrimeBuffers() } else { try describeProvider() }
  }

  /// Megatron-Bridge has no names for the prediction modules, which follow the decoder's layers.
  private func dropMTP() throws(Refusal) {
    let modules = try model.config.size("num_mtp_modules", default: 0, atLeast: 0, atMost: Config.largestCount)
    for index in 0..<modules {
      try model.drop(
        "model.layers.\(shape.layers + index).*", reason: "Megatron-Bridge has no place for MiniMax-M2's MTP modules")
    }
  }

  /// Source: Megatron-Bridge 0.6.2 `MiniMaxM2Bridge.provider_bridge`.
  private func describeProvider() throws(Refusal) {
    try model.provider("megatron.bridge.models.gpt_provider.GPTModelProvider")
    let provider = Provider(model.config)
    try provider.sizes(
      shape, heads: attention.heads, groups: attention.groups, headDim: attention.headDim, positions: 196_608)
    try provider.vocabularyDivisor(shape.vocabulary)
    try provider.constants(epsilon: 1e-6)
    try provider.set("add_qkv_bias", .bool(false))
    try provider.set("qk_layernorm", .bool(true))
    try provider.rotaryBase(default: 5_000_000)
    if let rotary = try model.config.integer("rotary_dim") {
      try provider.set("rotary_percent", .float(Double(rotary) / Double(attention.headDim)))
    }
    try provider.experts(mixture.experts, topk: 8)
    try provider.set("moe_router_pre_softmax", .bool(false))
    try provider.set("moe_router_load_balancing_type", .text("aux_loss"))
    try provider.copy("router_aux_loss_coef", as: "moe_aux_loss_coeff", or: .float(0.001))
    try provider.set("moe_router_score_function", .text("sigmoid"))
    try provider.set("moe_router_enable_expert_bias", .bool(true))
    try provider.layerSpec("megatron.bridge.models.minimax_m2.minimax_m2_provider.minimax_m2_layer_spec")
    try provider.dtype()
  }
}
