import PluginKit

extension Qwen3VL {
  /// Rotary embedding: `rope_scaling` of older configs wins over `rope_parameters`, as in transformers 5.
  func describeRope() throws(Refusal) {
    let t = textConfig
    let rope = try t.count("rope_scaling") > 0 ? t["rope_scaling"] : t["rope_parameters"]
    let theta = t.value("rope_theta", or: .float(architecture.isQwen35 ? 10_000 : 500_000))
    try model.providerField("rotary_base", rope.value("rope_theta", or: theta))
    let sections = architecture.isQwen35 ? [11, 11, 10] : [24, 20, 20]
    try model.providerField("mrope_section", rope.value("mrope_section", or: .ints(sections)))
    if architecture.isQwen35 {
      let outer = t.value("partial_rotary_factor", or: .float(0.25))
      try model.providerField("rotary_percent", rope.value("partial_rotary_factor", or: outer))
    } else if t.has("partial_rotary_factor") {
      try model.providerField("rotary_percent", t.value("partial_rotary_factor", or: .null))
    }
    try describeYarn(rope)
  }

  private func describeYarn(_ rope: Config) throws(Refusal) {
    let key = rope.has("rope_type") ? "rope_type" : "type"
    guard let type = try rope.text(key), type.matches("yarn") else { return }
    let positions = textConfig.value("max_position_embeddings", or: .null)
    try model.providerField(
      "yarn_original_max_position_embeddings", rope.value("original_max_position_embeddings", or: positions))
    let names = [
      ("factor", "rotary_scaling_factor"), ("beta_fast", "beta_fast"), ("beta_slow", "beta_slow"), ("mscale", "mscale"),
      ("mscale_all_dim", "mscale_all_dim"), ("truncate", "correction_range_round_to_int"),
    ]
    for (key, field) in names where rope.has(key) {
      try model.providerField("yarn_" + field, rope.value(key, or: .null))
    }
  }

  func describeExpertFields() throws(Refusal) {
    let t = textConfig
    try model.providerField("num_moe_experts", .config(t.at(ExpertShape.countKey(t))))
    try model.providerField("moe_router_topk", t.value("num_experts_per_tok", or: .int(architecture.isQwen35 ? 8 : 4)))
    try model.providerField("moe_ffn_hidden_size", t.value("moe_intermediate_size", or: .null))
    try model.providerField("moe_grouped_gemm", .bool(true))
    try model.providerField("moe_permute_fusion", .bool(true))
    try model.providerField("moe_token_dispatcher_type", .text("alltoall"))
    try model.providerField("moe_router_pre_softmax", .bool(false))
    try model.providerField("moe_router_dtype", .text("fp32"))
    guard architecture.isQwen35 else { return try describeQwen3ExpertFields() }
    try model.providerField("moe_router_load_balancing_type", .text("global_aux_loss"))
    try model.providerField("moe_aux_loss_coeff", t.value("router_aux_loss_coef", or: .float(0.001)))
    try model.providerField("moe_shared_expert_intermediate_size", .int(text.sharedExpert))
    try model.providerField("moe_shared_expert_gate", .bool(true))
  }

  private func describeQwen3ExpertFields() throws(Refusal) {
    let t = textConfig
    try model.providerField("moe_router_load_balancing_type", .text("aux_loss"))
    try model.providerField("moe_aux_loss_coeff", .float(0.001))
    try model.providerField("head_dim", .int(text.attention.headDim))
    try model.providerField("decoder_sparse_step", t.value("decoder_sparse_step", or: .int(1)))
    try model.providerField("mlp_only_layers", t.has("mlp_only_layers") ? .config(t.at("mlp_only_layers")) : .ints([]))
    guard text.isSparse.contains(false) else { return }
    try model.providerField("moe_layer_freq", .ints(text.isSparse.map { $0 ? 1 : 0 }))
  }

  func describeQwen35Fields() throws(Refusal) {
    guard let deltaNet = text.deltaNet else { return }
    try model.providerField("linear_conv_kernel_dim", .int(deltaNet.kernel))
    try model.providerField("linear_key_head_dim", .int(deltaNet.keyHeadDim))
    try model.providerField("linear_value_head_dim", .int(deltaNet.valueHeadDim))
    try model.providerField("linear_num_key_heads", .int(deltaNet.keyHeads))
    try model.providerField("linear_num_value_heads", .int(deltaNet.valueHeads))
    try model.providerField("linear_attention_freq", .ints(text.isLinear.map { $0 ? 1 : 0 }))
    let hasMTP = layout == .megatron && text.mtpLayers > 0
    try model.providerField("mtp_num_layers", hasMTP ? .int(text.mtpLayers) : .null)
    // Defaults of the class today, written against the day on which they change.
    try model.providerField("layernorm_zero_centered_gamma", .bool(true))
    try model.providerField("attention_output_gate", .bool(true))
    try model.providerField("experimental_attention_variant", .text("gated_delta_net"))
    try model.providerField("hetereogenous_dist_checkpoint", .bool(true))
  }

  /// The vision tower's config, as an object of transformers' class.
  func describeVisionConfig() throws(Refusal) {
    let v = model.config["vision_config"]
    try model.providerField("vision_config", .object("transformers.models." + architecture.visionClass))
    let keys = [
      "depth", "hidden_size", "intermediate_size", "num_heads", "in_channels", "patch_size", "temporal_patch_size",
      "spatial_merge_size", "out_hidden_size", "num_position_embeddings", "hidden_act", "initializer_range",
    ]
    for key in keys where v.has(key) { try model.providerField("vision_config.\(key)", .config(v.at(key))) }
    guard !architecture.isQwen35 else { return }
    try model.providerField("vision_config.deepstack_visual_indexes", .config(v.at("deepstack_visual_indexes")))
  }
}
