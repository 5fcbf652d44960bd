import PluginKit

/// AFMoE (Arcee's Trinity): gated attention, a norm before and after each half of a layer, a shared expert.
///
/// Source: transformers 5.12 and prime-rl, `AfmoeForCausalLM`. Megatron-Bridge has no such model.
struct AFMoE {
  let model: Model
  let shape: LanguageShape
  let attention: AttentionShape
  let hasBias: Bool
  /// Of the first layers, which are dense.
  let intermediate: Int
  let denseLayers: Int
  let mixture: Mixture

  init(_ model: Model) throws(Refusal) {
    self.model = model
    let config = model.config
    try config.requireNone("quantization_config", "quantised checkpoints are not supported; convert a bf16 one")
    try config.require("mlp_bias", false, "AFMoE's MLPs have no biases")
    try config.requireSilu()
    shape = try LanguageShape(config, isTied: try config.flag("tie_word_embeddings", default: false))
    hasBias = try config.flag("attention_bias", default: false)
    let (heads, groups) = try config.heads(groupsMayBeMissing: true)
    let headDim = try config.size("head_dim", default: 128, atMost: Config.largestCount)
    attention = AttentionShape(hidden: shape.hidden, heads: heads, groups: groups, headDim: headDim)
    denseLayers = try config.size("num_dense_layers", default: 1, atLeast: 0, atMost: shape.layers)
    intermediate = denseLayers > 0 ? try config.size("intermediate_size", default: 6144) : 0
    mixture = try AFMoE.mixture(config, hidden: shape.hidden)
  }

  private static func mixture(_ config: Config, hidden: Int) throws(Refusal) -> Mixture {
    let experts = ExpertShape(
      count: try config.size("num_experts", default: 64, atMost: Config.largestCount), hidden: hidden,
      intermediate: try config.size("moe_intermediate_size", default: 1408))
    let shared = try config.size("num_shared_experts", default: 2, atLeast: 0, atMost: Config.largestCount)
    return Mixture(
      experts, published: .perExpert, scoreBias: "expert_bias", shared: shared * experts.intermediate,
      router: "router.gate.weight")
  }

  func describe() throws(Refusal) {
    let root = Part(model, source: "model.", layout: .prime)
    let vocabulary = Vocabulary(
      rows: shape.vocabulary, hidden: shape.hidden, isTied: shape.isTied, embedding: "model.embed_tokens.weight")
    try root.vocabulary(vocabulary, repeatsEmbedding: false)
    for index in 0..<shape.layers {
      let layer = root.entry(
        "decoder.layers", from: "layers", index, of: shape.layers, stacked: false, stage: .layer(index))
      try describeAttention(layer)
      for norm in ["pre_mlp_layernorm", "post_mlp_layernorm"] {
        try layer.norm(norm, from: norm, size: shape.hidden)
      }
      if index < denseLayers {
        try layer.denseMLP(hidden: shape.hidden, intermediate: intermediate)
      } else {
        try layer.mixture(mixture)
      }
    }
    try root.norm("decoder.final_layernorm", from: "norm", size: shape.hidden)
    try model.dropPrimeBuffers()
  }

  private func describeAttention(_ layer: Part) throws(Refusal) {
    try layer.attention(attention, bias: hasBias)
    let rows = attention.heads * attention.headDim
    let part = layer.part("self_attention", from: "self_attn")
    try part.replicated("gate_proj.weight", from: "gate_proj.weight", [rows, shape.hidden])
    if hasBias { try part.replicated("o_proj.bias", from: "o_proj.bias", [shape.hidden]) }
  }
}
