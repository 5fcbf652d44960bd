import PluginKit

/// The trainer's provider. Source: Megatron-Bridge 0.6.2, `NemotronHBridge.provider_bridge`.
extension NemotronH {
  func describeProvider() throws(Refusal) {
    try model.provider("megatron.bridge.models.hybrid.hybrid_provider.HybridModelProvider")
    let provider = Provider(model.config)
    let attention = shape.attention
    try provider.sizes(
      shape.language, heads: attention.heads, groups: attention.groups, headDim: attention.headDim, positions: 4096)
    try provider.vocabularyDivisor(shape.language.vocabulary)
    try provider.set("hybrid_layer_pattern", .text(pattern))
    try provider.copy("hidden_dropout", as: "hidden_dropout", or: .float(0))
    try provider.copy("residual_in_fp32", as: "fp32_residual_connection", or: .bool(false))
    let epsilon = model.config.has("rms_norm_eps") ? "rms_norm_eps" : "layer_norm_epsilon"
    try provider.copy(epsilon, as: "layernorm_epsilon", or: .float(1e-5))
    try describeConstants(provider)
    try describeMamba(provider)
    if let mixture = shape.mixture { try describe(mixture, provider) }
    if shape.predictions > 0 { try describeMTP(provider) }
    try provider.dtype()
  }

  /// The decoder's layers, then those of each prediction, as the trainer writes them after it has built the model.
  private var pattern: String {
    var pattern = shape.layers.pattern
    for _ in 0..<shape.predictions { pattern += "/" + shape.mtpLayers.pattern }
    return pattern
  }

  private func describeConstants(_ provider: Provider) throws(Refusal) {
    try provider.set("activation_func", .name("megatron.core.activations.squared_relu"))
    try provider.set("position_embedding_type", .text("none"))
    try provider.set("is_hybrid_model", .bool(true))
    try provider.set("masked_softmax_fusion", .bool(true))
    try provider.set("persist_layer_norm", .bool(true))
    try provider.set("attention_softmax_in_fp32", .bool(false))
    try provider.set("first_last_layers_bf16", .bool(true))
    // Defaults of the class today, written against the day on which they change.
    try provider.set("gated_linear_unit", .bool(false))
    try provider.set("add_bias_linear", .bool(false))
    try provider.set("normalization", .text("RMSNorm"))
  }

  private func describeMamba(_ provider: Provider) throws(Refusal) {
    try provider.set("mamba_num_heads", .int(shape.mamba.heads))
    try provider.set("mamba_head_dim", .int(shape.mamba.headDim))
    try provider.set("mamba_num_groups", .int(shape.mamba.groups))
    try provider.set("mamba_state_dim", .int(shape.mamba.state))
    let chunk = model.config.has("mamba_chunk_size") ? "mamba_chunk_size" : "chunk_size"
    try provider.copy(chunk, as: "mamba_chunk_size", or: .int(128))
  }

  /// Models without experts get none of these; the reference gives them the 8 experts of transformers' default, unused.
  private func describe(_ mixture: HybridShape.Mixture, _ provider: Provider) throws(Refusal) {
    try provider.experts(mixture.experts, topk: 2)
    try provider.set("moe_shared_expert_intermediate_size", .int(mixture.shared))
    try provider.copy("moe_shared_expert_overlap", as: "moe_shared_expert_overlap", or: .bool(true))
    if mixture.isLatent { try provider.set("moe_latent_size", .int(mixture.experts.hidden)) }
    try provider.copy("n_group", as: "moe_router_num_groups", or: .int(1))
    try provider.copy("topk_group", as: "moe_router_group_topk", or: .int(1))
    try provider.copy("routed_scaling_factor", as: "moe_router_topk_scaling_factor", or: .float(1))
    try provider.set("moe_router_score_function", .text("sigmoid"))
    try provider.set("moe_router_enable_expert_bias", .bool(true))
    try provider.set("moe_router_load_balancing_type", .text("seq_aux_loss"))
    try provider.set("moe_aux_loss_coeff", .float(0.0001))
    try provider.set("moe_router_dtype", .text("fp32"))
  }

  private func describeMTP(_ provider: Provider) throws(Refusal) {
    try provider.set("mtp_num_layers", .int(shape.predictions))
    try provider.set("mtp_hybrid_override_pattern", .text(shape.mtpLayers.pattern))
    try provider.set("mtp_use_repeated_layer", .bool(shape.isMTPRepeated))
    try provider.copy("keep_mtp_spec_in_bf16", as: "keep_mtp_spec_in_bf16", or: .bool(true))
    try provider.copy("mtp_loss_scaling_factor", as: "mtp_loss_scaling_factor", or: .float(0.3))
  }
}
