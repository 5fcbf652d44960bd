extension QwenText {
  /// Everything of the language model; `root` reads below its prefix in the checkpoint.
  ///
  /// `hasMTP`: whether the layout has a place for multi-token prediction layers.
  package func describe(_ root: Part, hasMTP: Bool) throws(Refusal) {
    let predictsMore = hasMTP && mtpLayers > 0
    let vocabulary = Vocabulary(
      rows: shape.vocabulary, hidden: shape.hidden, isTied: shape.isTied,
      embedding: root.source + "embed_tokens.weight")
    try root.vocabulary(vocabulary, repeatsEmbedding: predictsMore)
    for index in 0..<shape.layers {
      let layer = root.entry(
        "decoder.layers", from: "layers", index, of: shape.layers, stacked: isStacked, stage: .layer(index))
      try describeLayer(layer, isLinear: isLinear[index], isSparse: isSparse[index])
    }
    try root.on(.last).norm("decoder.final_layernorm", from: "norm", size: shape.hidden)
    if predictsMore { try describeMTP(root) }
  }

  private func describeLayer(_ layer: Part, isLinear: Bool, isSparse: Bool) throws(Refusal) {
    if isLinear, let deltaNet {
      try layer.fusedNorm(in: "self_attention.in_proj", from: "input_layernorm", size: shape.hidden)
      try layer.part("self_attention", from: "linear_attn").gatedDeltaNet(deltaNet)
    } else {
      try layer.attention(attention)
    }
    try describeMLP(layer, isSparse: isSparse, storage: variant.storage)
  }

  /// `storage`: how published checkpoints store this layer's experts.
  private func describeMLP(_ layer: Part, isSparse: Bool, storage: ExpertStorage) throws(Refusal) {
    guard isSparse, let experts else {
      return try layer.denseMLP(hidden: shape.hidden, intermediate: intermediate)
    }
    try layer.mixture(
      Mixture(
        experts, published: storage, shared: sharedExpert, sharedSource: "shared_expert",
        sharedGate: "shared_expert_gate", primeShared: .besideMLP))
  }

  /// The multi-token prediction layer: attention (never DeltaNet) and an MLP of the decoder's kind.
  private func describeMTP(_ root: Part) throws(Refusal) {
    guard mtpLayers == 1 else {
      throw config.refuse(
        "mtp_num_hidden_layers", "is \(mtpLayers): the names of more than one such layer are not known")
    }
    let head = root.reading("").on(.last).handedThrough.part("mtp.layers.0", from: "mtp")
    try head.multiTokenPrediction(
      hidden: shape.hidden, embeddingNorm: "pre_fc_norm_embedding", hiddenNorm: "pre_fc_norm_hidden", join: "fc",
      finalNorm: "norm")
    let layer = head.part("mtp_model_layer", key: "transformer_layer", from: "layers.0")
    try layer.attention(attention)
    try describeMLP(layer, isSparse: variant.hasExperts, storage: .perExpert)
  }
}
