import PluginKit

/// The trainer's provider. Source: Megatron-Bridge 0.6.2, `GPTOSSBridge.provider_bridge`.
extension GPTOSS {
  func describeProvider() throws(Refusal) {
    try model.provider("megatron.bridge.models.gpt_provider.GPTModelProvider")
    let provider = Provider(model.config)
    try provider.sizes(
      language, heads: attention.heads, groups: attention.groups, headDim: attention.headDim, positions: 131_072)
    try provider.vocabularyDivisor(language.vocabulary)
    try provider.copy("rms_norm_eps", as: "layernorm_epsilon", or: .float(1e-5))
    try describeConstants(provider)
    try describeAttention(provider)
    try describeExperts(provider)
    try provider.dtype()
  }

  private func describeConstants(_ provider: Provider) throws(Refusal) {
    try provider.set("normalization", .text("RMSNorm"))
    try provider.set("add_bias_linear", .bool(true))
    try provider.set("add_qkv_bias", .bool(false))
    try provider.set("hidden_dropout", .float(0))
    try provider.set("bias_activation_fusion", .bool(true))
    try provider.set("bias_dropout_fusion", .bool(false))
    try provider.set("gated_linear_unit", .bool(true))
    try provider.set("activation_func", .name("megatron.core.fusions.fused_bias_geglu.quick_gelu"))
    try provider.set("activation_func_clamp_value", .float(7))
    try provider.set("glu_linear_offset", .float(1))
  }

  /// Every other layer sees a window only. Longer contexts by YaRN, with the values of all published models.
  private func describeAttention(_ provider: Provider) throws(Refusal) {
    let window = try model.config.size("sliding_window", default: 128)
    try provider.set("softmax_type", .text("learnable"))
    try provider.set("position_embedding_type", .text("yarn"))
    try provider.rotaryBase(default: 150_000)
    try provider.set("window_size", .ints([window - 1, 0]))
    try provider.set("window_attn_skip_freq", .int(2))
    try provider.set("yarn_rotary_scaling_factor", .float(32))
    try provider.set("yarn_original_max_position_embeddings", .int(4096))
    try provider.set("yarn_beta_fast", .float(32))
    try provider.set("yarn_beta_slow", .float(1))
    try provider.set("yarn_correction_range_round_to_int", .bool(false))
  }

  private func describeExperts(_ provider: Provider) throws(Refusal) {
    try provider.experts(experts, topk: 4)
    try provider.set("moe_router_load_balancing_type", .text("none"))
    try provider.copy("router_aux_loss_coef", as: "moe_aux_loss_coeff", or: .float(0.001))
    try provider.set("moe_router_pre_softmax", .bool(false))
  }
}
