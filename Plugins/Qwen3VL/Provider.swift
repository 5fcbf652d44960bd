import PluginKit

/// The trainer's provider. Source: Megatron-Bridge 0.6.2, `provider_bridge` of the four architectures.
extension Qwen3VL {
  func describeProvider() throws(Refusal) {
    try model.provider("megatron.bridge.models.qwen_vl." + architecture.providerClass)
    let provider = Provider(text.config)
    let positions = architecture.isQwen35 ? 32768 : 128000
    try text.describe(provider, positionEmbedding: "mrope", positions: positions, hasMTP: layout.hasMTP)
    try describeRope(provider)
    try describeTokens(provider)
    if text.experts != nil { try describeExperts(provider) }
    try describeVisionConfig(provider)
    try provider.dtype(alsoAs: "vision_config.dtype")
  }

  private func describeRope(_ provider: Provider) throws(Refusal) {
    try provider.rotaryBase(default: architecture.isQwen35 ? 10_000 : 500_000)
    let sections = architecture.isQwen35 ? [11, 11, 10] : [24, 20, 20]
    try provider.set("mrope_section", try provider.ropeConfig().value("mrope_section", or: .ints(sections)))
    if !architecture.isQwen35 { try provider.copy([("partial_rotary_factor", "rotary_percent")]) }
    try provider.yarn()
  }

  private func describeTokens(_ provider: Provider) throws(Refusal) {
    let isDenseQwen3 = !architecture.isQwen35 && !architecture.hasExperts
    try provider.copy("bos_token_id", as: "bos_token_id", or: isDenseQwen3 ? .int(151643) : .null)
    try provider.copy("eos_token_id", as: "eos_token_id", or: isDenseQwen3 ? .int(151645) : .null)
    let marks = [
      ("vision_start_token_id", 151652, 248053), ("vision_end_token_id", 151653, 248054),
      ("image_token_id", 151655, 248056), ("video_token_id", 151656, 248057),
    ]
    for (key, qwen3, qwen35) in marks {
      try provider.set(key, model.config.value(key, or: .int(architecture.isQwen35 ? qwen35 : qwen3)))
    }
  }

  private func describeExperts(_ provider: Provider) throws(Refusal) {
    try provider.set("moe_router_dtype", .text("fp32"))
    guard !architecture.isQwen35 else { return }
    try provider.set("moe_router_pre_softmax", .bool(false))
    try provider.set("head_dim", .int(text.attention.headDim))
    try provider.copy("decoder_sparse_step", as: "decoder_sparse_step", or: .int(1))
    let only = "mlp_only_layers"
    try provider.set(only, text.config.has(only) ? .config(text.config.at(only)) : .ints([]))
    guard text.isMixed else { return }
    try provider.set("moe_layer_freq", .ints(text.isSparse.map { $0 ? 1 : 0 }))
  }

  /// The vision tower's config, as an object of transformers' class.
  private func describeVisionConfig(_ provider: Provider) throws(Refusal) {
    let v = model.config["vision_config"]
    try provider.set("vision_config", .object("transformers.models." + architecture.visionClass))
    let keys = [
      "depth", "hidden_size", "intermediate_size", "num_heads", "in_channels", "patch_size", "temporal_patch_size",
      "spatial_merge_size", "out_hidden_size", "num_position_embeddings", "hidden_act", "initializer_range",
    ]
    for key in keys where v.has(key) { try provider.set("vision_config.\(key)", .config(v.at(key))) }
    guard !architecture.isQwen35 else { return }
    try provider.set("vision_config.deepstack_visual_indexes", .config(v.at("deepstack_visual_indexes")))
  }
}

extension QwenVariant {
  var providerClass: String {
    let module = isQwen35 ? "qwen35_vl_provider.Qwen35VL" : "qwen3_vl_provider.Qwen3VL"
    return module + (hasExperts ? "MoE" : "") + "ModelProvider"
  }

  var visionClass: String {
    switch (isQwen35, hasExperts) {
    case (false, false): "qwen3_vl.configuration_qwen3_vl.Qwen3VLVisionConfig"
    case (false, true): "qwen3_vl_moe.configuration_qwen3_vl_moe.Qwen3VLMoeVisionConfig"
    case (true, false): "qwen3_5.configuration_qwen3_5.Qwen3_5VisionConfig"
    case (true, true): "qwen3_5_moe.configuration_qwen3_5_moe.Qwen3_5MoeVisionConfig"
    }
  }
}
