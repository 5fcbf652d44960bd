import PluginKit

extension Qwen3VL {
  func describeLanguage() throws(Refusal) {
    let root = Part(model, component: Component.language.rawValue, source: "model.language_model.", stage: .first)
    let hasMTP = layout == .megatron && text.mtpLayers > 0
    let vocabulary = Vocabulary(
      rows: text.vocabulary, hidden: text.hidden, isTied: text.isTied,
      embedding: "model.language_model.embed_tokens.weight")
    try root.vocabulary(vocabulary, repeatsEmbedding: hasMTP)
    for index in 0..<text.layers {
      let layer = root.entry(
        "decoder.layers", from: "layers", index, of: text.layers, stacked: text.isStacked, stage: .layer(index))
      try describeLayer(layer, isLinear: text.isLinear[index], isSparse: text.isSparse[index])
    }
    try root.on(.last).norm("decoder.final_layernorm", from: "norm", size: text.hidden)
    if text.mtpLayers > 0 { try describeMTP(root) }
  }

  private func describeLayer(_ layer: Part, isLinear: Bool, isSparse: Bool) throws(Refusal) {
    if isLinear, let deltaNet = text.deltaNet {
      try layer.fusedNorm(in: "self_attention.in_proj", from: "input_layernorm", size: text.hidden)
      try layer.part("self_attention", from: "linear_attn").gatedDeltaNet(deltaNet)
    } else {
      try describeAttention(layer)
    }
    try describeMLP(layer, isSparse: isSparse, storage: architecture.isQwen35 ? .packed : .packedTransposed)
  }

  private func describeAttention(_ layer: Part) throws(Refusal) {
    try layer.fusedNorm(in: "self_attention.linear_qkv", from: "input_layernorm", size: text.hidden)
    let attention = layer.part("self_attention", from: "self_attn")
    try attention.qkv(text.attention)
    try attention.norm("q_layernorm", from: "q_norm", size: text.attention.headDim)
    try attention.norm("k_layernorm", from: "k_norm", size: text.attention.headDim)
    try attention.attentionOutput(text.attention)
  }

  /// `storage`: how published checkpoints store this layer's experts.
  private func describeMLP(_ layer: Part, isSparse: Bool, storage: ExpertStorage) throws(Refusal) {
    let mlp = layer.part("mlp", from: "mlp")
    guard isSparse, let experts = text.experts else {
      try layer.fusedNorm(in: "mlp.linear_fc1", from: "post_attention_layernorm", size: text.hidden)
      return try mlp.gatedMLP(hidden: text.hidden, intermediate: text.intermediate)
    }
    try layer.norm("pre_mlp_layernorm", from: "post_attention_layernorm", size: text.hidden)
    try mlp.replicated("router.weight", from: "gate.weight", [experts.count, text.hidden])
    try mlp.experts(experts, published: storage)
    guard text.sharedExpert > 0 else { return }
    try mlp.sharedExpert(hidden: text.hidden, intermediate: text.sharedExpert, gate: "shared_expert_gate")
  }

  /// The multi-token prediction layer: attention (never DeltaNet) and an MLP of the decoder's kind.
  private func describeMTP(_ root: Part) throws(Refusal) {
    guard layout == .megatron else {
      let reason = "the MIMO layout has no multi-token prediction layers"
      try model.drop("mtp.*", reason: reason)
      for key in ["num_nextn_predict_layers", "mtp_num_hidden_layers"] where model.config["text_config"].has(key) {
        try model.configOverride("text_config.\(key)", .int(0), reason: reason)
      }
      return
    }
    guard text.mtpLayers == 1 else {
      throw model.config["text_config"].refuse(
        "mtp_num_hidden_layers", "is \(text.mtpLayers): the names of more than one such layer are not known")
    }
    let head = root.reading("").on(.last).part("mtp.layers.0", from: "mtp")
    try head.multiTokenPrediction(
      hidden: text.hidden, embeddingNorm: "pre_fc_norm_embedding", hiddenNorm: "pre_fc_norm_hidden", join: "fc",
      finalNorm: "norm")
    let layer = head.part("mtp_model_layer", key: "transformer_layer", from: "layers.0")
    try describeAttention(layer)
    try describeMLP(layer, isSparse: architecture.hasExperts, storage: .perExpert)
  }
}
