import PluginKit

/// Source: Megatron-core `hybrid_stack_spec`; in the checkpoint every layer is a `norm` and a `mixer`.
extension NemotronH {
  func describe(_ kind: LayerKind, _ layer: Part) throws(Refusal) {
    switch kind {
    case .mamba:
      try layer.fusedNorm(in: "mixer.in_proj", from: "norm", size: shape.hidden)
      try layer.part("mixer", from: "mixer", prime: "mamba").mamba(shape.mamba)
    case .attention:
      try layer.fusedNorm(in: "self_attention.linear_qkv", from: "norm", size: shape.hidden)
      let attention = layer.part("self_attention", from: "mixer", prime: "self_attn")
      try attention.qkv(shape.attention)
      try attention.attentionOutput(shape.attention)
    case .mlp:
      try layer.fusedNorm(in: "mlp.linear_fc1", from: "norm", size: shape.hidden)
      // prime-rl tells layers by their keys, and takes those without experts and attention for Mamba.
      try layer.part("mlp", from: "mixer", prime: "mamba").ungatedMLP(hidden: shape.hidden, intermediate: shape.intermediate)
    case .experts:
      try layer.norm("pre_mlp_layernorm", from: "norm", size: shape.hidden)
      try describeExperts(layer.part("mlp", from: "mixer", prime: "mlp"))
    }
  }

  private func describeExperts(_ mlp: Part) throws(Refusal) {
    guard let mixture = shape.mixture else { return }
    let experts = mixture.experts
    if mixture.isLatent {
      try mlp.latentProjection("fc1_latent_proj", rows: experts.hidden, columns: shape.hidden)
      try mlp.latentProjection("fc2_latent_proj", rows: shape.hidden, columns: experts.hidden)
    }
    let shared = mlp.part("shared_experts", from: "shared_experts", prime: "shared_expert")
    try shared.ungatedMLP(hidden: shape.hidden, intermediate: mixture.shared)
    guard !mlp.isPrime else { return try describePrime(experts, mlp) }
    try mlp.replicated("router.weight", from: "gate.weight", [experts.count, shape.hidden])
    let bias = try mlp.read("gate.e_score_correction_bias", [experts.count], published: .f32)
    try mlp.target("router.expert_bias", bias, dtype: .f32, isBuffer: true)
    let rows = [Segment(experts.intermediate, of: "intermediate row")]
    for index in 0..<experts.count {
      let expert = Expert(index: index, count: experts.count)
      let up = try mlp.read("experts.\(index).up_proj.weight", [experts.intermediate, experts.hidden])
      let down = try mlp.read("experts.\(index).down_proj.weight", [experts.hidden, experts.intermediate])
      try mlp.groupedLinear("linear_fc1", up, .split(0, rows, by: .etp), expert: expert)
      try mlp.groupedLinear("linear_fc2", down, .split(1, rows, by: .etp), expert: expert)
    }
  }
}

extension Part {
  fileprivate func ungatedMLP(hidden: Int, intermediate: Int) throws(Refusal) {
    try columnParallel("linear_fc1", from: "up_proj", rows: intermediate, columns: hidden, of: "intermediate row")
    try rowParallel("linear_fc2", from: "down_proj", rows: hidden, columns: intermediate, of: "intermediate row")
  }

  /// Into or out of the smaller space that routed experts work in; on every rank.
  fileprivate func latentProjection(_ name: String, rows: Int, columns: Int) throws(Refusal) {
    try replicated("\(name).weight", from: "\(name).weight", [rows, columns])
    try extraState(name)
  }
}
