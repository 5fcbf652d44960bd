import PluginKit

/// The trainer's provider. Source: Megatron-Bridge 0.6.2, `provider_bridge` of the four architectures, and the config
/// classes of transformers 5.12 for keys that config.json leaves out.
///
/// Sizes of the parallel layout are the host's to write.
extension Qwen3VL {
  func describeProvider() throws(Refusal) {
    try model.provider("megatron.bridge.models.qwen_vl." + architecture.providerClass)
    try describeSizes()
    try describeConstants()
    try describeRope()
    try describeTokens()
    if text.experts != nil { try describeExpertFields() }
    if architecture.isQwen35 { try describeQwen35Fields() }
    try describeVisionConfig()
    try describeDType()
  }

  var textConfig: Config { model.config["text_config"] }

  private func describeSizes() throws(Refusal) {
    let t = textConfig
    try model.providerField("num_layers", .int(text.layers))
    try model.providerField("hidden_size", .int(text.hidden))
    if t.has("intermediate_size") {
      try model.providerField("ffn_hidden_size", t.value("intermediate_size", or: .null))
    }
    try model.providerField("num_attention_heads", .int(text.attention.heads))
    try model.providerField("num_query_groups", .int(text.attention.groups))
    try model.providerField("kv_channels", .int(text.attention.headDim))
    try model.providerField("vocab_size", .int(text.vocabulary))
    try model.providerField("make_vocab_size_divisible_by", .int(vocabularyDivisor))
    try model.providerField("share_embeddings_and_output_weights", .bool(text.isTied))
    let positions = architecture.isQwen35 ? 32768 : 128000
    try model.providerField("seq_length", t.value("max_position_embeddings", or: .int(positions)))
    try model.providerField("layernorm_epsilon", t.value("rms_norm_eps", or: .float(1e-6)))
    try model.providerField("init_method_std", t.value("initializer_range", or: .float(0.02)))
    try model.providerField("attention_dropout", t.value("attention_dropout", or: .float(0)))
  }

  /// The largest power of two up to 128 that divides the vocabulary.
  private var vocabularyDivisor: Int {
    var divisor = 128
    while text.vocabulary % divisor != 0 { divisor /= 2 }
    return divisor
  }

  private func describeConstants() throws(Refusal) {
    try model.providerField("add_qkv_bias", .bool(false))
    try model.providerField("add_bias_linear", .bool(false))
    try model.providerField("gated_linear_unit", .bool(true))
    try model.providerField("qk_layernorm", .bool(true))
    try model.providerField("hidden_dropout", .float(0))
    try model.providerField("normalization", .text("RMSNorm"))
    try model.providerField("position_embedding_type", .text("mrope"))
    try model.providerField("activation_func", .name("torch.nn.functional.silu"))
  }

  /// What the targets are stored in decides, not what config.json says: without `bf16` the trainer builds fp32.
  private func describeDType() throws(Refusal) {
    let name = try storedDType()
    try model.providerField("bf16", .bool(name.matches("bfloat16")))
    try model.providerField("fp16", .bool(name.matches("float16")))
    try model.providerField("params_dtype", .name("torch." + name.string))
    try model.providerField("vision_config.dtype", .name("torch." + name.string))
  }

  private func storedDType() throws(Refusal) -> Text {
    if let asked = try model.option("dtype") { return asked }
    for part in [textConfig, model.config] {
      for key in ["dtype", "torch_dtype"] {
        if let named = try part.text(key) { return named }
      }
    }
    return Text("bfloat16")
  }

  private func describeTokens() throws(Refusal) {
    let isDenseQwen3 = !architecture.isQwen35 && !architecture.hasExperts
    try model.providerField("bos_token_id", textConfig.value("bos_token_id", or: isDenseQwen3 ? .int(151643) : .null))
    try model.providerField("eos_token_id", textConfig.value("eos_token_id", or: isDenseQwen3 ? .int(151645) : .null))
    let marks = [
      ("vision_start_token_id", 151652, 248053), ("vision_end_token_id", 151653, 248054),
      ("image_token_id", 151655, 248056), ("video_token_id", 151656, 248057),
    ]
    for (key, qwen3, qwen35) in marks {
      try model.providerField(key, model.config.value(key, or: .int(architecture.isQwen35 ? qwen35 : qwen3)))
    }
  }
}

extension Architecture {
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
