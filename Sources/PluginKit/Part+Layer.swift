/// Norms of queries and keys, before their product.
package enum QueryKeyNorm: UInt8 {
  case none
  /// One weight for the rows of a head, the same for all heads.
  case perHead
  /// One weight for all heads, cut as the heads are.
  case wide
}

/// Routed experts with their router, and an expert that every token goes through.
package struct Mixture {
  package var experts: ExpertShape
  /// How published checkpoints store the experts.
  package var published: ExpertStorage
  /// Source of the bias that only choosing experts sees, kept in F32; nil when there is none.
  package var scoreBias: String?
  /// Intermediate size of the shared expert; 0 when there is none.
  package var shared = 0
  /// Its name in the checkpoint.
  package var sharedSource = "shared_experts"
  /// Source of its output gate; nil when it has none.
  package var sharedGate: String?
  /// Where prime-rl keeps it.
  package var primeShared: PrimeSharedExpert
  /// Source of the router's weight.
  package var router: String

  package init(
    _ experts: ExpertShape, published: ExpertStorage, scoreBias: String? = nil, shared: Int = 0,
    sharedSource: String = "shared_experts", sharedGate: String? = nil, primeShared: PrimeSharedExpert = .inMLP,
    router: String = "gate.weight"
  ) {
    self.primeShared = primeShared
    self.router = router
    self.experts = experts
    self.published = published
    self.scoreBias = scoreBias
    self.shared = shared
    self.sharedSource = sharedSource
    self.sharedGate = sharedGate
  }
}

/// What decoder layers are made of, each with the norm before it. The part is the layer.
///
/// Source: Megatron-core `get_gpt_layer_with_transformer_engine_spec`.
extension Part {
  /// Grouped-query attention.
  package func attention(_ shape: AttentionShape, norm: QueryKeyNorm = .perHead, bias: Bool = false) throws(Refusal) {
    try fusedNorm(in: "self_attention.linear_qkv", from: "input_layernorm", size: shape.hidden)
    let attention = part("self_attention", from: "self_attn")
    try attention.qkv(shape, bias: bias)
    switch norm {
    case .none: break
    case .perHead:
      try attention.norm("q_layernorm", from: "q_norm", size: shape.headDim)
      try attention.norm("k_layernorm", from: "k_norm", size: shape.headDim)
    case .wide:
      try attention.wideNorm("q_layernorm", from: "q_norm", heads: shape.heads, headDim: shape.headDim)
      try attention.wideNorm("k_layernorm", from: "k_norm", heads: shape.groups, headDim: shape.headDim)
    }
    try attention.attentionOutput(shape)
  }

  /// Megatron-Bridge's module for it has no state entry. Source: `_FullDimRMSNorm` of its MiniMax-M2.
  private func wideNorm(_ module: String, from source: String, heads: Int, headDim: Int) throws(Refusal) {
    let weight = try read("\(source).weight", [heads * headDim])
    try target("\(module).weight", weight, .split(0, [Segment(heads * headDim, unit: headDim, of: "attention head")]))
  }

  /// A dense, gated MLP.
  package func denseMLP(hidden: Int, intermediate: Int) throws(Refusal) {
    try fusedNorm(in: "mlp.linear_fc1", from: "post_attention_layernorm", size: hidden)
    try part("mlp", from: "mlp").gatedMLP(hidden: hidden, intermediate: intermediate)
  }

  /// Routed experts. `source`: the checkpoint's name of the whole.
  package func mixture(_ mixture: Mixture, from source: String = "mlp") throws(Refusal) {
    if let prime, prime.stacksExperts { return try primeMixture(mixture, from: source) }
    let hidden = mixture.experts.hidden
    try norm("pre_mlp_layernorm", from: "post_attention_layernorm", size: hidden)
    let mlp = part("mlp", from: source)
    try mlp.replicated("router.weight", from: mixture.router, [mixture.experts.count, hidden])
    if let bias = mixture.scoreBias {
      let values = try mlp.read(bias, [mixture.experts.count], published: .f32)
      try mlp.target("router.expert_bias", values, dtype: .f32, isBuffer: true)
    }
    try mlp.experts(mixture.experts, published: mixture.published)
    guard mixture.shared > 0 else { return }
    try mlp.sharedExpert(
      from: mixture.sharedSource, hidden: hidden, intermediate: mixture.shared, gate: mixture.sharedGate)
  }
}
