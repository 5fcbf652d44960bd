import AlgebraSupport

extension Composite {
  static let mlp = [
    Composite(name: "gated MLP") { sizes in
      let (hidden, inner) = (sizes.prime(), sizes.tp * sizes.prime())
      var example = CompositeCase(
        "Qwen3MoE", "Qwen3ForCausalLM", scope: "mlp.", numbers: ["hidden_size": hidden, "intermediate_size": inner])
      let norm = example.source("post_attention_layernorm.weight", hidden)
      example.means("mlp.linear_fc1.layer_norm_weight", norm)
      example.addGatedMLP("mlp.", from: "mlp.", hidden: hidden, inner: inner)
      return example
    },
    Composite(name: "shared expert") { sizes in
      let (hidden, inner) = (sizes.prime(), sizes.tp * sizes.prime())
      var example = CompositeCase(
        "Qwen3MoE", "Qwen3_5MoeForCausalLM", scope: "mlp.shared_experts.",
        numbers: ["hidden_size": hidden, "num_experts": 2, "shared_expert_intermediate_size": inner])
      example.means("mlp.shared_experts.gate_weight", example.source("mlp.shared_expert_gate.weight", 1, hidden))
      example.addGatedMLP("mlp.shared_experts.", from: "mlp.shared_expert.", hidden: hidden, inner: inner)
      return example
    },
  ]
}

extension CompositeCase {
  /// A rank's gate rows above its up rows, and its columns of down: not a chunk of the whole `linear_fc1`.
  fileprivate mutating func addGatedMLP(_ module: String, from name: String, hidden: Int, inner: Int) {
    let gate = source(name + "gate_proj.weight", inner, hidden)
    let up = source(name + "up_proj.weight", inner, hidden)
    let down = source(name + "down_proj.weight", hidden, inner)
    means(module + "linear_fc1.weight") { .stacked([gate.rows($0), up.rows($0)]) }
    means(module + "linear_fc2.weight") { down.columns($0) }
  }
}
