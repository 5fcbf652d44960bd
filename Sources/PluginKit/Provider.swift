/// The fields of the trainer's provider that all families fill alike, from the keys that their configs share.
///
/// Source: Megatron-Bridge 0.6.2, `MegatronModelBridge.CONFIG_MAPPING` and `hf_config_to_provider_kwargs`; defaults are
/// those of transformers' config classes. Sizes of the parallel layout are the host's to write.
package struct Provider {
  package let model: Model
  /// The object that holds the language model's keys.
  package let config: Config

  package init(_ config: Config) {
    model = config.model
    self.config = config
  }

  package func set(_ field: String, _ value: Value) throws(Refusal) { try model.providerField(field, value) }

  /// What the config says, or what the model's code takes when it says nothing.
  package func copy(_ key: String, as field: String, or fallback: Value) throws(Refusal) {
    try set(field, config.value(key, or: fallback))
  }

  /// The keys that are there.
  package func copy(_ pairs: [(key: String, field: String)]) throws(Refusal) {
    for pair in pairs where config.has(pair.key) { try copy(pair.key, as: pair.field, or: .null) }
  }

  package func sizes(_ shape: LanguageShape, heads: Int, groups: Int, headDim: Int, positions: Int) throws(Refusal) {
    try set("num_layers", .int(shape.layers))
    try set("hidden_size", .int(shape.hidden))
    try copy([("intermediate_size", "ffn_hidden_size")])
    try set("num_attention_heads", .int(heads))
    try set("num_query_groups", .int(groups))
    try set("kv_channels", .int(headDim))
    try set("vocab_size", .int(shape.vocabulary))
    try set("share_embeddings_and_output_weights", .bool(shape.isTied))
    try copy("max_position_embeddings", as: "seq_length", or: .int(positions))
    try copy("initializer_range", as: "init_method_std", or: .float(0.02))
    try copy("attention_dropout", as: "attention_dropout", or: .float(0))
  }

  /// The largest power of two up to 128 that divides the vocabulary.
  package func vocabularyDivisor(_ vocabulary: Int) throws(Refusal) {
    var divisor = 128
    while vocabulary % divisor != 0 { divisor /= 2 }
    try set("make_vocab_size_divisible_by", .int(divisor))
  }

  /// What all of them are: RMS norms, gated silu MLPs, no biases.
  package func constants(epsilon: Double, positions: String = "rope") throws(Refusal) {
    try copy("rms_norm_eps", as: "layernorm_epsilon", or: .float(epsilon))
    try set("add_bias_linear", .bool(false))
    try set("gated_linear_unit", .bool(true))
    try set("hidden_dropout", .float(0))
    try set("normalization", .text("RMSNorm"))
    try set("position_embedding_type", .text(positions))
    try set("activation_func", .name("torch.nn.functional.silu"))
  }

  /// Routed experts, sent around all to all.
  package func experts(_ shape: ExpertShape, topk: Int) throws(Refusal) {
    try set("num_moe_experts", .int(shape.count))
    try copy("num_experts_per_tok", as: "moe_router_topk", or: .int(topk))
    try set("moe_ffn_hidden_size", .int(shape.intermediate))
    try set("moe_grouped_gemm", .bool(true))
    try set("moe_permute_fusion", .bool(true))
    try set("moe_token_dispatcher_type", .text("alltoall"))
  }

  /// What the targets are stored in decides, not what config.json says: without `bf16` the trainer builds fp32.
  package func dtype(alsoAs field: String? = nil) throws(Refusal) {
    let name = try storedDType()
    try set("bf16", .bool(name.matches("bfloat16")))
    try set("fp16", .bool(name.matches("float16")))
    try set("params_dtype", .name("torch." + name.string))
    if let field { try set(field, .name("torch." + name.string)) }
  }

  private func storedDType() throws(Refusal) -> Text {
    if let asked = try model.option("dtype") { return asked }
    for part in [config, model.config] {
      for key in ["dtype", "torch_dtype"] {
        if let named = try part.text(key) { return named }
      }
    }
    return Text("bfloat16")
  }

  /// Layers of several kinds need a spec for each. Source: Megatron-core `get_gpt_decoder_block_spec`.
  package func mixedLayers(_ isSparse: [Bool]) throws(Refusal) {
    try set("moe_layer_freq", .ints(isSparse.map { $0 ? 1 : 0 }))
    let spec = "transformer_layer_spec"
    try set(spec, .object("megatron.core.models.gpt.gpt_layer_specs.get_gpt_decoder_block_spec"))
    try set(spec + "._partial_", .bool(true))
    try set(spec + ".use_transformer_engine", .bool(true))
  }

  /// A function that makes the layers' specs, by its Python name.
  package func layerSpec(_ name: String) throws(Refusal) { try set("transformer_layer_spec", .name(name)) }

  /// The spec of Megatron-core's newer kinds of attention (DeltaNet, sparse attention).
  package func attentionVariantSpec() throws(Refusal) {
    try layerSpec(
      "megatron.core.models.gpt.experimental_attention_variant_module_specs."
        + "get_transformer_block_with_experimental_attention_variant_spec")
  }
}
