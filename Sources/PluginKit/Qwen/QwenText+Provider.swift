/// The language model's part of the provider. Source: Megatron-Bridge 0.6.2, `provider_bridge` of Qwen3's and Qwen3.5's
/// bridges, and the config classes of transformers 5.12 for keys that config.json leaves out.
extension QwenText {
  package func describe(_ provider: Provider, positionEmbedding: String, positions: Int, hasMTP: Bool) throws(Refusal) {
    try provider.sizes(
      shape, heads: attention.heads, groups: attention.groups, headDim: attention.headDim, positions: positions)
    try provider.vocabularyDivisor(shape.vocabulary)
    try provider.constants(epsilon: 1e-6, positions: positionEmbedding)
    try provider.set("add_qkv_bias", .bool(false))
    try provider.set("qk_layernorm", .bool(true))
    if let experts { try describeExperts(provider, experts) }
    if let deltaNet { try describeQwen35(provider, deltaNet, hasMTP: hasMTP) }
  }

  private func describeExperts(_ provider: Provider, _ experts: ExpertShape) throws(Refusal) {
    try provider.experts(experts, topk: variant.isVision && !variant.isQwen35 ? 4 : 8)
    guard variant.isQwen35 else {
      try provider.set("moe_router_load_balancing_type", .text("aux_loss"))
      return try provider.set("moe_aux_loss_coeff", .float(0.001))
    }
    try provider.set("moe_router_pre_softmax", .bool(false))
    try provider.set("moe_router_load_balancing_type", .text("global_aux_loss"))
    try provider.copy("router_aux_loss_coef", as: "moe_aux_loss_coeff", or: .float(0.001))
    try provider.set("moe_shared_expert_intermediate_size", .int(sharedExpert))
    try provider.set("moe_shared_expert_gate", .bool(true))
  }

  private func describeQwen35(_ provider: Provider, _ deltaNet: DeltaNetShape, hasMTP: Bool) throws(Refusal) {
    try provider.rotaryShare(default: 0.25)
    try provider.set("linear_conv_kernel_dim", .int(deltaNet.kernel))
    try provider.set("linear_key_head_dim", .int(deltaNet.keyHeadDim))
    try provider.set("linear_value_head_dim", .int(deltaNet.valueHeadDim))
    try provider.set("linear_num_key_heads", .int(deltaNet.keyHeads))
    try provider.set("linear_num_value_heads", .int(deltaNet.valueHeads))
    try provider.set("linear_attention_freq", .ints(isLinear.map { $0 ? 1 : 0 }))
    try provider.set("mtp_num_layers", hasMTP && mtpLayers > 0 ? .int(mtpLayers) : .null)
    try provider.set("layernorm_zero_centered_gamma", .bool(true))
    try provider.set("attention_output_gate", .bool(true))
    try provider.set("experimental_attention_variant", .text("gated_delta_net"))
    try provider.set("hetereogenous_dist_checkpoint", .bool(true))
  }
}
