import AlgebraSupport

extension Composite {
  static let recurrent = [
    Composite(name: "Mamba") { sizes in .mamba(&sizes) },
    Composite(name: "Gated DeltaNet") { sizes in .deltaNet(&sizes) },
  ]
}

extension CompositeCase {
  /// `in_proj` is [z, x, B, C, dt], `conv1d` [x, B, C]; z and x belong to heads, B and C to groups. A rank has a share of each.
  fileprivate static func mamba(_ sizes: inout Sizes) -> CompositeCase {
    let (hidden, groups, headDim, state) = (sizes.prime(), sizes.tp * sizes.few(), sizes.prime(), sizes.prime())
    let heads = groups * sizes.few()
    let (inner, grouped) = (heads * headDim, groups * state)
    var example = CompositeCase(
      "NemotronH", "NemotronHForCausalLM", reads: "backbone.layers.0.", scope: "mixer.",
      numbers: [
        "hidden_size": hidden, "mamba_num_heads": heads, "mamba_head_dim": headDim, "n_groups": groups,
        "ssm_state_size": state,
      ])
    example.config = example.config.with("hybrid_override_pattern", .string("M"))
    example.means("mixer.in_proj.layer_norm_weight", example.source("norm.weight", hidden))
    example.meansParts(
      "mixer.in_proj.weight", of: example.source("mixer.in_proj.weight", 2 * inner + 2 * grouped + heads, hidden),
      [inner, inner, grouped, grouped, heads])
    let convolved = [inner, grouped, grouped]
    let kernels = example.source("mixer.conv1d.weight", inner + 2 * grouped, 1, 4)
    example.meansParts("mixer.conv1d_weight", of: kernels, convolved)
    example.meansParts("mixer.conv1d_bias", of: example.source("mixer.conv1d.bias", inner + 2 * grouped), convolved)
    for name in ["A_log", "D", "dt_bias"] {
      example.meansParts("mixer.\(name)", of: example.source("mixer.\(name)", heads), [heads])
    }
    example.meansParts("mixer.norm.weight", of: example.source("mixer.norm.weight", inner), [inner])
    let output = example.source("mixer.out_proj.weight", hidden, inner)
    example.means("mixer.out_proj.weight") { output.columns($0) }
    return example
  }

  /// `in_proj` is [q, k, v, z, b, a], of which the checkpoint has the first three in one tensor; `conv1d` is [q, k, v].
  fileprivate static func deltaNet(_ sizes: inout Sizes) -> CompositeCase {
    let (hidden, keyHeads, keyDim, valueDim) = (sizes.prime(), sizes.tp * sizes.few(), sizes.prime(), sizes.prime())
    let (valueHeads, kernel) = (keyHeads * sizes.few(), 2 + sizes.few())
    let (keys, values) = (keyHeads * keyDim, valueHeads * valueDim)
    var example = CompositeCase(
      "Qwen3MoE", "Qwen3_5ForCausalLM", scope: "self_attention.",
      numbers: [
        "hidden_size": hidden, "linear_num_key_heads": keyHeads, "linear_num_value_heads": valueHeads,
        "linear_key_head_dim": keyDim, "linear_value_head_dim": valueDim, "linear_conv_kernel_dim": kernel,
        "full_attention_interval": 2,
      ])
    let convolved = [keys, keys, values]
    let joined = example.source("linear_attn.in_proj_qkv.weight", 2 * keys + values, hidden)
    let z = example.source("linear_attn.in_proj_z.weight", values, hidden)
    let beta = example.source("linear_attn.in_proj_b.weight", valueHeads, hidden)
    let alpha = example.source("linear_attn.in_proj_a.weight", valueHeads, hidden)
    example.means("self_attention.in_proj.weight") { share in
      .stacked(joined.parts(convolved).map { $0.rows(share) } + [z, beta, alpha].map { $0.rows(share) })
    }
    example.means("self_attention.in_proj.layer_norm_weight", example.source("input_layernorm.weight", hidden))
    let kernels = example.source("linear_attn.conv1d.weight", 2 * keys + values, 1, kernel)
    example.meansParts("self_attention.conv1d.weight", of: kernels, convolved)
    for name in ["A_log", "dt_bias"] {
      example.meansParts("self_attention.\(name)", of: example.source("linear_attn.\(name)", valueHeads), [valueHeads])
    }
    // Zero-centred in Megatron: one is taken off each element.
    example.means("self_attention.out_norm.weight", example.source("linear_attn.norm.weight", valueDim).mapped())
    let output = example.source("linear_attn.out_proj.weight", hidden, values)
    example.means("self_attention.out_proj.weight") { output.columns($0) }
    return example
  }

  /// A rank has its share of each part of `tensor`, one below the other.
  private mutating func meansParts(_ name: String, of tensor: PlainTensor, _ counts: [Int]) {
    means(name) { share in .stacked(tensor.parts(counts).map { $0.rows(share) }) }
  }
}
