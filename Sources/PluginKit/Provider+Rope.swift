/// Rotary embedding in transformers' two spellings. Source: transformers 5.12 `RotaryEmbeddingConfigMixin`.
extension Provider {
  /// `rope_scaling` of older configs wins over `rope_parameters`, as in transformers 5.
  package func ropeConfig() throws(Refusal) -> Config {
    try config.count("rope_scaling") > 0 ? config["rope_scaling"] : config["rope_parameters"]
  }

  package func rotaryBase(default fallback: Double) throws(Refusal) {
    let theta = config.value("rope_theta", or: .float(fallback))
    try set("rotary_base", try ropeConfig().value("rope_theta", or: theta))
  }

  /// The share of a head that has positions.
  package func rotaryShare(default fallback: Double) throws(Refusal) {
    let outer = config.value("partial_rotary_factor", or: .float(fallback))
    try set("rotary_percent", try ropeConfig().value("partial_rotary_factor", or: outer))
  }

  package func hasYarn() throws(Refusal) -> Bool {
    let rope = try ropeConfig()
    return try rope.text(rope.has("rope_type") ? "rope_type" : "type")?.matches("yarn") == true
  }

  /// Longer contexts by YaRN, for providers with its own fields. Answers whether it is on.
  @discardableResult
  package func yarn() throws(Refusal) -> Bool {
    guard try hasYarn() else { return false }
    let rope = try ropeConfig()
    let positions = config.value("max_position_embeddings", or: .null)
    try set(
      "yarn_original_max_position_embeddings", rope.value("original_max_position_embeddings", or: positions))
    // Configs leave these out; Megatron-core can not build without them. Defaults of transformers.
    try set("yarn_beta_fast", rope.value("beta_fast", or: .float(32)))
    try set("yarn_beta_slow", rope.value("beta_slow", or: .float(1)))
    try set("yarn_correction_range_round_to_int", rope.value("truncate", or: .bool(true)))
    let names = [
      ("factor", "rotary_scaling_factor"), ("mscale", "mscale"), ("mscale_all_dim", "mscale_all_dim"),
    ]
    for (key, field) in names where rope.has(key) { try set("yarn_" + field, rope.value(key, or: .null)) }
    return true
  }

  /// The same for latent attention, whose class scales by 40 unless told otherwise.
  package func latentYarn() throws(Refusal) {
    guard try hasYarn() else {
      try set("rotary_scaling_factor", .float(1))
      return try set("mscale_all_dim", .float(1))
    }
    let names = [
      ("factor", "rotary_scaling_factor"), ("original_max_position_embeddings", "original_max_position_embeddings"),
      ("beta_fast", "beta_fast"), ("beta_slow", "beta_slow"), ("mscale", "mscale"), ("mscale_all_dim", "mscale_all_dim"),
    ]
    let rope = try ropeConfig()
    for (key, field) in names where rope.has(key) { try set(field, rope.value(key, or: .null)) }
  }
}
