import PluginKit

/// Laguna (Poolside): as many query heads as each layer wants, gated attention, dense and sparse layers by a list.
///
/// Source: transformers 5.12 and prime-rl, `LagunaForCausalLM`. Megatron-Bridge has no such model.
struct Laguna {
  let model: Model
  let shape: LanguageShape
  /// Of each layer.
  let attention: [AttentionShape]
  let hasBias: Bool
  let gate: Gate
  /// Of dense MLPs; 0 where there are none.
  let intermediate: Int
  /// Layer -> has experts instead of a dense MLP.
  let isSparse: [Bool]
  let experts: ExpertShape
  let sharedExpert: Int

  init(_ model: Model) throws(Refusal) {
    self.model = model
    let config = model.config
    try config.requireNone("quantization_config", "quantised checkpoints are not supported; convert a bf16 one")
    try config.require("mlp_bias", false, "Laguna's MLPs have no biases")
    try config.requireSilu()
    shape = try LanguageShape(config, isTied: try config.flag("tie_word_embeddings", default: false))
    hasBias = try config.flag("attention_bias", default: false)
    gate = try Gate(config)
    attention = try config.attentionOfLayers(shape)
    isSparse = try config.sparseLayers(shape.layers)
    intermediate = isSparse.contains(false) ? try config.size("intermediate_size", default: 8192) : 0
    experts = ExpertShape(
      count: try config.size("num_experts", default: 256, atMost: Config.largestCount), hidden: shape.hidden,
      intermediate: try config.size("moe_intermediate_size", default: 512))
    sharedExpert = try config.size("shared_expert_intermediate_size", default: 512)
  }

  func describe() throws(Refusal) {
    let root = Part(model, source: "model.", layout: .prime)
    let vocabulary = Vocabulary(
      rows: shape.vocabulary, hidden: shape.hidden, isTied: shape.isTied, embedding: "model.embed_tokens.weight")
    try root.vocabulary(vocabulary, repeatsEmbedding: false)
    for index in 0..<shape.layers {
      let layer = root.entry(
        "decoder.layers", from: "layers", index, of: shape.layers, stacked: false, stage: .layer(index))
      try describeAttention(layer, attention[index])
      if isSparse[index] {
        try layer.mixture(mixture(layer.source + "mlp."))
      } else {
        try layer.denseMLP(hidden: shape.hidden, intermediate: intermediate)
      }
    }
    try root.norm("decoder.final_layernorm", from: "norm", size: shape.hidden)
    try model.dropPrimeBuffers()
  }

  private func describeAttention(_ layer: Part, _ shape: AttentionShape) throws(Refusal) {
    try layer.attention(shape, bias: hasBias)
    let part = layer.part("self_attention", from: "self_attn")
    if hasBias { try part.replicated("o_proj.bias", from: "o_proj.bias", [shape.hidden]) }
    let rows = gate.rows(of: shape)
    if rows > 0 { try part.replicated("g_proj.weight", from: "g_proj.weight", [rows, shape.hidden]) }
  }

  /// The router's bias has been in two places and the shared expert has had two names; transformers 5 writes the second
  /// of both, prime-rl the first. `mlp`: prefix of the layer's MLP.
  private func mixture(_ mlp: String) -> Mixture {
    func first(_ name: String, or other: String, of tensor: String = "") -> String {
      model.state(of: mlp + name + tensor) != .present && model.state(of: mlp + other + tensor) == .present ? other : name
    }
    return Mixture(
      experts, published: .perExpert,
      scoreBias: first("experts.e_score_correction_bias", or: "gate.e_score_correction_bias"), shared: sharedExpert,
      sharedSource: first("shared_expert", or: "shared_experts", of: ".gate_proj.weight"), primeShared: .besideMLP)
  }
}
