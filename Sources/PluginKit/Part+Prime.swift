/// Where a part is in prime-rl's layout.
///
/// That layout has the checkpoint's tensors as they are: what a part reads is kept under the same name, and Megatron's
/// modules, which the same declarations name, are passed over. Only routed experts and what stands around them are named
/// and stacked anew. Source: prime-rl, `conversion_ops` and the `conversion_chain` of each family.
struct PrimePlace {
  /// Prefix of its names, with its dot.
  var prefix: String
  /// Not in multi-token prediction layers, which prime-rl hands through.
  var stacksExperts = true
}

extension Part {
  /// Whether this is a part of layout prime.
  package var isPrime: Bool { prime != nil }

  /// The same part, for a model that is handed through whole, experts and all.
  package var handedThrough: Part {
    var copy = self
    copy.prime?.stacksExperts = false
    return copy
  }

  /// The same part, reading without keeping what is read.
  package var unkept: Part {
    var copy = self
    copy.prime = nil
    return copy
  }

  /// Declares a tensor of layout prime, below this part's prefix there. Its dtype is that of its sources, or fixed.
  package func keep(_ node: Node, as name: String, dtype: DType = .model) throws(Refusal) {
    guard let prime else { return }
    var whole = Part(model, component: component, source: "", stage: .first)
    whole.name = prime.prefix
    try whole.target(name, node, dtype: dtype)
  }

  /// A tensor of the checkpoint under another name.
  package func keep(
    _ source: String, as name: String, _ shape: [Int], published: DType = .model
  ) throws(Refusal) {
    try keep(try unkept.read(source, shape, published: published), as: name)
  }

  /// A tensor of the checkpoint that no other layout has a place for, if the checkpoint has it.
  package func keepIfThere(_ name: String, _ shape: [Int]) throws(Refusal) {
    guard isPrime, model.state(of: source + name) != .absent else { return }
    _ = try read(name, shape)
  }

  /// Matrices of all experts in one tensor, from one each. `name`: that of an expert's matrix, by its number.
  package func stack(_ name: (Int) -> String, _ count: Int, rows: Int, columns: Int) throws(Refusal) -> Node {
    var matrices: [Node] = []
    for index in 0..<count {
      matrices.append(try unkept.read(name(index), [rows, columns]).reshaped([1, rows, columns]))
    }
    return try model.concat(matrices)
  }
}

/// Where prime-rl keeps an expert that every token goes through.
package enum PrimeSharedExpert: UInt8 {
  /// `mlp.shared_expert.w1`
  case inMLP
  /// `shared_expert.w1.weight`, of the layer.
  case besideMLP
}

extension Part {
  /// Routed experts with what belongs to them; the part is the layer. Experts are w1 (gate), w2 (down) and w3 (up).
  func primeMixture(_ mixture: Mixture, from source: String) throws(Refusal) {
    let (experts, hidden) = (mixture.experts, mixture.experts.hidden)
    _ = try read("post_attention_layernorm.weight", [hidden])
    let mlp = part("mlp", from: source, prime: "mlp")
    try mlp.keep(mixture.router, as: "router.gate.weight", [experts.count, hidden])
    if let bias = mixture.scoreBias { try mlp.keep(bias, as: "expert_bias", [experts.count], published: .f32) }
    let stacks = try mlp.unkept.stackedExperts(experts, published: mixture.published)
    try mlp.keep(stacks.gate, as: "experts.w1")
    try mlp.keep(stacks.down, as: "experts.w2")
    try mlp.keep(stacks.up, as: "experts.w3")
    guard mixture.shared > 0 else { return }
    for (matrix, name, rows, columns) in [
      ("gate_proj", "w1", mixture.shared, hidden), ("down_proj", "w2", hidden, mixture.shared),
      ("up_proj", "w3", mixture.shared, hidden),
    ] {
      let node = try mlp.unkept.read("\(mixture.sharedSource).\(matrix).weight", [rows, columns])
      switch mixture.primeShared {
      case .inMLP: try mlp.keep(node, as: "shared_expert.\(name)")
      case .besideMLP: try keep(node, as: "shared_expert.\(name).weight")
      }
    }
    guard let gate = mixture.sharedGate else { return }
    try keep(try mlp.unkept.read("\(gate).weight", [1, hidden]), as: "shared_expert_gate.weight")
  }
}

extension Model {
  /// Names the buffers that prime-rl's trainer holds beside the weights and fills anew.
  package func dropPrimeBuffers() throws(Refusal) {
    let reason = "prime-rl's trainer fills it anew"
    try drop("*.mlp.tokens_per_expert", reason: reason)
    try drop("*.mlp.reorderer.*", reason: reason)
  }
}
