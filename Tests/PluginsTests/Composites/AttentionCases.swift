import AlgebraSupport
import MimoJSON

extension Composite {
  static let attention = [
    Composite(name: "qkv") { sizes in
      let heads = Heads(&sizes)
      return .attention(heads, "Qwen3MoE", "Qwen3ForCausalLM", numbers: heads.numbers)
    },
    Composite(name: "qkv with gates") { sizes in
      let heads = Heads(&sizes, isGated: true)
      return .attention(heads, "Qwen3MoE", "Qwen3_5ForCausalLM", numbers: heads.numbers)
    },
    Composite(name: "qkv with biases") { sizes in
      let heads = Heads(&sizes)
      var example = CompositeCase.attention(heads, "GLM4MoE", "Glm4MoeForCausalLM", numbers: heads.numbers)
      example.config = example.config.with("attention_bias", .bool(true)).with("use_qk_norm", .bool(true))
      example.addBiases(heads)
      return example
    },
    Composite(name: "qkv with wide norms") { sizes in
      let heads = Heads(&sizes)
      return .attention(heads, "MiniMaxM2", "MiniMaxM2ForCausalLM", numbers: heads.numbers, hasWideNorms: true)
    },
    Composite(name: "fused qkv") { sizes in .fusedAttention(&sizes) },
  ]
}

/// Sizes of grouped-query attention, and the order of rows in Megatron's `linear_qkv`.
private struct Heads {
  let hidden: Int
  let groups: Int
  /// Query heads of a group.
  let each: Int
  let headDim: Int
  let isGated: Bool

  var heads: Int { groups * each }

  init(_ sizes: inout Sizes, isGated: Bool = false) {
    hidden = sizes.prime()
    headDim = sizes.prime()
    groups = sizes.tp * sizes.few()
    each = 1 + sizes.few()
    self.isGated = isGated
  }

  var numbers: [String: Int] {
    ["hidden_size": hidden, "num_attention_heads": heads, "num_key_value_heads": groups, "head_dim": headDim]
  }

  /// A rank has whole groups. Of each: its query heads, the gates of these heads, its key, its value. The checkpoint has a
  /// query head's gate right behind it.
  func qkv(_ query: PlainTensor, _ key: PlainTensor, _ value: PlainTensor) -> (Share) -> PlainTensor {
    { share in
      .stacked(
        share.of(groups).flatMap { group in
          let own = (group * each)..<((group + 1) * each)
          let queries = own.map { query.block(isGated ? 2 * $0 : $0, of: headDim) }
          let gates = isGated ? own.map { query.block(2 * $0 + 1, of: headDim) } : []
          return queries + gates + [key.block(group, of: headDim), value.block(group, of: headDim)]
        })
    }
  }
}

extension CompositeCase {
  fileprivate static func attention(
    _ heads: Heads, _ family: String, _ architecture: String, numbers: [String: Int], hasWideNorms: Bool = false
  ) -> CompositeCase {
    var example = CompositeCase(family, architecture, scope: "self_attention.", numbers: numbers)
    let (hidden, headDim) = (heads.hidden, heads.headDim)
    let query = example.source("self_attn.q_proj.weight", heads.heads * headDim * (heads.isGated ? 2 : 1), hidden)
    let key = example.source("self_attn.k_proj.weight", heads.groups * headDim, hidden)
    let value = example.source("self_attn.v_proj.weight", heads.groups * headDim, hidden)
    example.means("self_attention.linear_qkv.weight", heads.qkv(query, key, value))
    example.means("self_attention.linear_qkv.layer_norm_weight", example.source("input_layernorm.weight", hidden))
    for (name, module, count) in [("q_norm", "q_layernorm", heads.heads), ("k_norm", "k_layernorm", heads.groups)] {
      let norm = example.source("self_attn.\(name).weight", hasWideNorms ? count * headDim : headDim)
      if hasWideNorms {
        example.means("self_attention.\(module).weight") { norm.rows($0) }
      } else {
        example.means("self_attention.\(module).weight", norm)
      }
    }
    let output = example.source("self_attn.o_proj.weight", hidden, heads.heads * headDim)
    example.means("self_attention.linear_proj.weight") { output.columns($0) }
    return example
  }

  fileprivate mutating func addBiases(_ heads: Heads) {
    let query = source("self_attn.q_proj.bias", heads.heads * heads.headDim)
    let key = source("self_attn.k_proj.bias", heads.groups * heads.headDim)
    let value = source("self_attn.v_proj.bias", heads.groups * heads.headDim)
    means("self_attention.linear_qkv.bias", heads.qkv(query, key, value))
  }

  /// A vision tower's: the checkpoint has all queries, then all keys, then all values.
  fileprivate static func fusedAttention(_ sizes: inout Sizes) -> CompositeCase {
    let (heads, headDim) = (sizes.tp * sizes.few(), 1 + sizes.few())
    let hidden = heads * headDim
    var example = CompositeCase(
      "Qwen3VL", "Qwen3VLForConditionalGeneration", reads: "model.visual.blocks.0.",
      holds: "vision_model.decoder.layers.0.", scope: "self_attention.linear_qkv.", numbers: [:])
    example.config = example.config.with("text_config", example.config).with("vision_config", vision(hidden, heads))
    for suffix in ["weight", "bias"] {
      let norm = example.source("norm1.\(suffix)", hidden)
      example.means("self_attention.linear_qkv.layer_norm_\(suffix)", norm)
    }
    func perHead(_ fused: PlainTensor) -> (Share) -> PlainTensor {
      { share in
        .stacked(share.of(heads).flatMap { head in [0, 1, 2].map { fused.block($0 * heads + head, of: headDim) } })
      }
    }
    example.means("self_attention.linear_qkv.weight", perHead(example.source("attn.qkv.weight", 3 * hidden, hidden)))
    example.means("self_attention.linear_qkv.bias", perHead(example.source("attn.qkv.bias", 3 * hidden)))
    return example
  }

  private static func vision(_ hidden: Int, _ heads: Int) -> JSONValue {
    .object([
      "hidden_size": .integer(hidden), "num_heads": .integer(heads), "depth": .integer(1),
      "intermediate_size": .integer(3), "out_hidden_size": .integer(4), "num_position_embeddings": .integer(4),
      "deepstack_visual_indexes": .array([]),
    ])
  }
}
