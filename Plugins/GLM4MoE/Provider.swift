import PluginKit

/// The trainer's provider. Source: Megatron-Bridge 0.6.2, `GLM45Bridge` and `GLM5Bridge`.
extension GLM4MoE {
  func describeProvider() throws(Refusal) {
    let provider = Provider(model.config)
    switch attention {
    case .grouped(let shape, let norm, let bias):
      try model.provider("megatron.bridge.models.gpt_provider.GPTModelProvider")
      try describeGrouped(provider, shape, norm: norm, bias: bias)
    case .sparse(let shape, let indexer):
      try model.provider("megatron.bridge.models.mla_provider.MLAModelProvider")
      try describeSparse(provider, shape, indexer)
    }
    try provider.dtype()
  }

  private func describeGrouped(
    _ provider: Provider, _ shape: AttentionShape, norm: QueryKeyNorm, bias: Bool
  ) throws(Refusal) {
    try provider.sizes(
      layers.shape, heads: shape.heads, groups: shape.groups, headDim: shape.headDim, positions: 131_072)
    try provider.vocabularyDivisor(layers.shape.vocabulary)
    try provider.constants(epsilon: 1e-5, positions: try provider.yarn() ? "yarn" : "rope")
    try provider.set("add_qkv_bias", .bool(bias))
    try provider.set("qk_layernorm", .bool(norm == .perHead))
    try provider.rotaryBase(default: 10_000)
    try provider.rotaryShare(default: 0.5)
    try provider.firstDense(layers, choosesBeforeSoftmax: false)
    try provider.mixedLayers(layers.isSparse)
    try provider.set("moe_router_bias_update_rate", .float(0))
    try provider.set("moe_aux_loss_coeff", .float(0.001))
    try provider.set("mtp_num_layers", mtpLayers > 0 ? .int(mtpLayers) : .null)
    try provider.set("mtp_loss_scaling_factor", .float(0.3))
    for fusion in ["bias_activation_fusion", "bias_dropout_fusion", "persist_layer_norm"] {
      try provider.set(fusion, .bool(true))
    }
  }

  /// The reference also asks for the flex dispatcher with HybridEP; a trainer that has it can say so.
  private func describeSparse(
    _ provider: Provider, _ shape: LatentAttentionShape, _ indexer: IndexerShape
  ) throws(Refusal) {
    let groups = try model.config.heads(groupsMayBeMissing: true).groups
    try provider.sizes(
      layers.shape, heads: shape.heads, groups: groups, headDim: shape.rotaryDim, positions: 202_752)
    try provider.set("make_vocab_size_divisible_by", .int(1280))
    try provider.constants(epsilon: 1e-5)
    try provider.set("add_qkv_bias", .bool(false))
    try provider.rotaryBase(default: 10_000)
    try provider.latentAttention(shape)
    try provider.firstDense(layers, choosesBeforeSoftmax: true)
    try provider.set("moe_layer_freq", .ints(layers.isSparse.map { $0 ? 1 : 0 }))
    try provider.attentionVariantSpec()
    try provider.set("cp_comm_type", .text("allgather"))
    try provider.set("mtp_num_layers", .null)
    try describeIndexer(provider, indexer)
  }

  private func describeIndexer(_ provider: Provider, _ indexer: IndexerShape) throws(Refusal) {
    try provider.set("experimental_attention_variant", .text("dsa"))
    try provider.set("dsa_indexer_head_dim", .int(indexer.headDim))
    try provider.set("dsa_indexer_n_heads", .int(indexer.heads))
    try provider.copy("index_topk", as: "dsa_indexer_topk", or: .int(2048))
    try provider.copy("indexer_rope_interleave", as: "dsa_indexer_rope_interleaved", or: .bool(true))
    try provider.copy([("index_skip_topk_offset", "dsa_indexer_skip_topk_offset")])
    try provider.set("dsa_indexer_rotate_activation", .bool(false))
    try provider.set("dsa_indexer_k_norm_epsilon", .float(1e-6))
    try provider.set("dsa_indexer_loss_coeff", .float(0.001))
    try provider.set("dsa_indexer_use_sparse_loss", .bool(true))
  }
}
