import PluginKit

/// DeepSeek-V3: latent attention, first layers dense, then experts in groups; multi-token prediction.
struct DeepSeekV3 {
  let model: Model
  let layers: FirstDense
  let attention: LatentAttentionShape
  let mtpLayers: Int

  init(_ model: Model) throws(Refusal) {
    self.model = model
    let config = model.config
    try DeepSeekV3.refuseUnknownSwitches(config)
    layers = try FirstDense(config, try LanguageShape(config, isTied: false))
    attention = try LatentAttentionShape(config, hidden: layers.shape.hidden)
    mtpLayers = try config.size("num_nextn_predict_layers", default: 0, atLeast: 0, atMost: Config.largestCount)
  }

  private static func refuseUnknownSwitches(_ config: Config) throws(Refusal) {
    try config.require("attention_bias", false, "Megatron's latent attention has no biases")
    try config.require("tie_word_embeddings", false, "DeepSeek-V3 has an output layer of its own")
    _ = try config.size("moe_layer_freq", default: 1, atMost: 1)
    try config.requireSilu()
    guard let method = try config.text("topk_method"), !method.matches("noaux_tc") else { return }
    throw config.refuse("topk_method", "is \(method.string): only noaux_tc has the router's bias")
  }

  func describe() throws(Refusal) {
    let root = Part(model, source: "model.")
    try layers.describe(root, repeatsEmbedding: mtpLayers > 0) { (layer) throws(Refusal) in
      try layer.latentAttention(attention)
    }
    try root.trailingMTP(mtpLayers, after: layers.shape) { (layer) throws(Refusal) in
      try layer.latentAttention(attention)
      try layer.mixture(layers.mixture)
    }
    // Older conversions hold it; it is computed, not learned.
    try model.drop("model.layers.*.self_attn.rotary_emb.inv_freq", reason: "a table that the model computes")
    try describeProvider()
  }

  /// Source: Megatron-Bridge 0.6.2 `DeepSeekV3Bridge.provider_bridge`.
  private func describeProvider() throws(Refusal) {
    try model.provider("megatron.bridge.models.mla_provider.MLAModelProvider")
    let provider = Provider(model.config)
    let groups = try model.config.heads(groupsMayBeMissing: true).groups
    try provider.sizes(
      layers.shape, heads: attention.heads, groups: groups, headDim: attention.rotaryDim, positions: 4096)
    try provider.set("make_vocab_size_divisible_by", .int(1280))
    try provider.constants(epsilon: 1e-6)
    try provider.set("add_qkv_bias", .bool(false))
    try provider.rotaryBase(default: 10_000)
    try provider.latentAttention(attention)
    try provider.firstDense(layers, choosesBeforeSoftmax: true)
    try provider.mixedLayers(layers.isSparse)
    try provider.copy("aux_loss_alpha", as: "moe_aux_loss_coeff", or: .float(0.0001))
    try provider.set("mtp_num_layers", mtpLayers > 0 ? .int(mtpLayers) : .null)
    let fusions = [
      "bias_activation_fusion", "bias_dropout_fusion", "persist_layer_norm", "cross_entropy_loss_fusion",
      "masked_softmax_fusion",
    ]
    for fusion in fusions { try provider.set(fusion, .bool(true)) }
    try provider.set("cross_entropy_fusion_impl", .text("te"))
    try provider.dtype()
  }
}
