/// Dense layers first, then layers with experts and an expert that all tokens go through, as in DeepSeek-V3.
package struct FirstDense {
  package let shape: LanguageShape
  /// Of the dense MLPs; 0 where there are none.
  package let intermediate: Int
  package let mixture: Mixture
  /// Layer -> has experts instead of a dense MLP.
  package let isSparse: [Bool]

  package init(_ config: Config, _ shape: LanguageShape) throws(Refusal) {
    self.shape = shape
    let dense = try config.size("first_k_dense_replace", atLeast: 0, atMost: Config.largestCount)
    isSparse = (0..<shape.layers).map { $0 >= dense }
    intermediate = isSparse.contains(false) ? try config.size("intermediate_size") : 0
    let experts = ExpertShape(
      count: try config.size("n_routed_experts", atMost: Config.largestCount), hidden: shape.hidden,
      intermediate: try config.size("moe_intermediate_size"))
    let shared = try config.size("n_shared_experts", default: 0, atLeast: 0, atMost: Config.largestCount)
    mixture = Mixture(
      experts, published: .perExpert, scoreBias: "gate.e_score_correction_bias", shared: shared * experts.intermediate)
  }

  /// Everything but the multi-token prediction layers. The part is the model's root, `attention` declares a layer's.
  package func describe(
    _ root: Part, repeatsEmbedding: Bool, attention: (Part) throws(Refusal) -> Void
  ) throws(Refusal) {
    let vocabulary = Vocabulary(
      rows: shape.vocabulary, hidden: shape.hidden, isTied: shape.isTied, embedding: root.source + "embed_tokens.weight")
    try root.vocabulary(vocabulary, repeatsEmbedding: repeatsEmbedding)
    for index in 0..<shape.layers {
      // A list of kinds of layers, be they all alike, gives each layer a key of its own.
      let layer = root.entry(
        "decoder.layers", from: "layers", index, of: shape.layers, stacked: false, stage: .layer(index))
      try attention(layer)
      if isSparse[index] {
        try layer.mixture(mixture)
      } else {
        try layer.denseMLP(hidden: shape.hidden, intermediate: intermediate)
      }
    }
    try root.on(.last).norm("decoder.final_layernorm", from: "norm", size: shape.hidden)
  }
}

extension Provider {
  /// Sigmoid scores in F32, groups of experts, a bias that only choosing sees, a shared expert.
  ///
  /// Source: Megatron-Bridge 0.6.2, what `provider_bridge` of DeepSeek-V3, GLM-4.5 and GLM-5 have in common.
  package func firstDense(_ layers: FirstDense, choosesBeforeSoftmax: Bool) throws(Refusal) {
    try experts(layers.mixture.experts, topk: 8)
    try copy([
      ("n_group", "moe_router_num_groups"), ("topk_group", "moe_router_group_topk"),
      ("routed_scaling_factor", "moe_router_topk_scaling_factor"),
    ])
    try set("moe_router_score_function", .text("sigmoid"))
    try set("moe_router_enable_expert_bias", .bool(true))
    try set("moe_router_dtype", .text("fp32"))
    try set("moe_router_pre_softmax", .bool(choosesBeforeSoftmax))
    try set("moe_router_load_balancing_type", .text("seq_aux_loss"))
    if layers.mixture.shared > 0 {
      try set("moe_shared_expert_intermediate_size", .int(layers.mixture.shared))
      try set("moe_shared_expert_overlap", .bool(true))
    }
  }

  package func latentAttention(_ shape: LatentAttentionShape) throws(Refusal) {
    try set("multi_latent_attention", .bool(true))
    try set("qk_layernorm", .bool(true))
    try set("q_lora_rank", .int(shape.queryRank))
    try set("kv_lora_rank", .int(shape.keyRank))
    try set("qk_head_dim", .int(shape.plainDim))
    try set("qk_pos_emb_head_dim", .int(shape.rotaryDim))
    try set("v_head_dim", .int(shape.valueDim))
    try set("attention_softmax_in_fp32", .bool(false))
    try latentYarn()
  }
}
