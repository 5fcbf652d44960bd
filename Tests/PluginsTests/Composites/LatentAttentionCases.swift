import AlgebraSupport

extension Composite {
  static let latentAttention = [
    Composite(name: "latent attention") { sizes in
      let latent = Latent(&sizes)
      return .latentAttention(latent, "DeepSeekV3", "DeepseekV3ForCausalLM", numbers: latent.numbers)
    },
    Composite(name: "latent attention with an indexer") { sizes in
      let latent = Latent(&sizes)
      let (heads, headDim) = (2 * latent.heads, sizes.prime())
      let numbers = latent.numbers.merging(["index_n_heads": heads, "index_head_dim": headDim]) { $1 }
      var example = CompositeCase.latentAttention(
        latent, "GLM4MoE", "GlmMoeDsaForCausalLM", numbers: numbers, fusesNorms: false)
      example.addIndexer(latent, heads: heads, headDim: headDim)
      return example
    },
  ]
}

/// Sizes of multi-head latent attention.
private struct Latent {
  let hidden: Int
  let heads: Int
  let queryRank: Int
  let keyRank: Int
  /// Parts of a head without and with positions, and of its value.
  let plain: Int
  let rotary: Int
  let value: Int

  init(_ sizes: inout Sizes) {
    hidden = sizes.prime()
    heads = sizes.tp * sizes.few()
    (queryRank, keyRank, plain, rotary) = (sizes.prime(), sizes.prime(), sizes.prime(), sizes.prime())
    value = sizes.prime()
  }

  var numbers: [String: Int] {
    [
      "hidden_size": hidden, "num_attention_heads": heads, "num_key_value_heads": heads, "q_lora_rank": queryRank,
      "kv_lora_rank": keyRank, "qk_nope_head_dim": plain, "qk_rope_head_dim": rotary, "v_head_dim": value,
    ]
  }
}

extension CompositeCase {
  /// `fusesNorms`: the norms of the latent vectors live in the projections after them.
  fileprivate static func latentAttention(
    _ latent: Latent, _ family: String, _ architecture: String, numbers: [String: Int], fusesNorms: Bool = true
  ) -> CompositeCase {
    var example = CompositeCase(family, architecture, scope: "self_attention.", numbers: numbers)
    let (hidden, heads) = (latent.hidden, latent.heads)
    // Into the latent space: on every rank. Out of it: a rank has its heads.
    let queryDown = example.source("self_attn.q_a_proj.weight", latent.queryRank, hidden)
    example.means("self_attention.linear_q_down_proj.weight", queryDown)
    let keyDown = example.source("self_attn.kv_a_proj_with_mqa.weight", latent.keyRank + latent.rotary, hidden)
    example.means("self_attention.linear_kv_down_proj.weight", keyDown)
    let queryUp = example.source("self_attn.q_b_proj.weight", heads * (latent.plain + latent.rotary), latent.queryRank)
    example.means("self_attention.linear_q_up_proj.weight") { share in
      .stacked(share.of(heads).map { queryUp.block($0, of: latent.plain + latent.rotary) })
    }
    let keyUp = example.source("self_attn.kv_b_proj.weight", heads * (latent.plain + latent.value), latent.keyRank)
    example.means("self_attention.linear_kv_up_proj.weight") { share in
      .stacked(share.of(heads).map { keyUp.block($0, of: latent.plain + latent.value) })
    }
    for (name, own, size) in [("q", "q_a", latent.queryRank), ("kv", "kv_a", latent.keyRank)] {
      let module = fusesNorms ? "linear_\(name)_up_proj.layer_norm_weight" : "\(name)_layernorm.weight"
      example.means("self_attention.\(module)", example.source("self_attn.\(own)_layernorm.weight", size))
    }
    let output = example.source("self_attn.o_proj.weight", hidden, heads * latent.value)
    example.means("self_attention.linear_proj.weight") { output.columns($0) }
    return example
  }

  /// Which tokens to look at: on every rank.
  fileprivate mutating func addIndexer(_ latent: Latent, heads: Int, headDim: Int) {
    let module = "self_attention.core_attention.indexer."
    means(module + "linear_wq_b.weight", source("self_attn.indexer.wq_b.weight", heads * headDim, latent.queryRank))
    means(module + "linear_wk.weight", source("self_attn.indexer.wk.weight", headDim, latent.hidden))
    means(module + "linear_weights_proj.weight", source("self_attn.indexer.weights_proj.weight", heads, latent.hidden))
    for suffix in ["weight", "bias"] {
      means(module + "k_norm.\(suffix)", source("self_attn.indexer.k_norm.\(suffix)", headDim))
    }
  }
}
