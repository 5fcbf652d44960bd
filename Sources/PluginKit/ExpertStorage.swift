/// How a checkpoint stores routed experts.
package enum ExpertStorage: UInt8 {
  /// `experts.{e}.gate_proj.weight`, `up_proj`, `down_proj`.
  case perExpert
  /// `experts.gate_up_proj` (experts, 2 intermediate, hidden) and `experts.down_proj` (experts, hidden, intermediate).
  case packed
  /// `experts.gate_up_proj` (experts, hidden, 2 intermediate) and `experts.down_proj` (experts, intermediate, hidden).
  case packedTransposed
}

/// What checkpoints with a tensor for each expert call its three matrices.
package struct ExpertNames {
  package var gate: String
  package var up: String
  package var down: String

  package static let projections = ExpertNames(gate: "gate_proj", up: "up_proj", down: "down_proj")
  /// Mixtral's names.
  package static let numbered = ExpertNames(gate: "w1", up: "w3", down: "w2")
}

/// Routed experts of one layer.
package struct ExpertShape {
  package var count: Int
  package var hidden: Int
  package var intermediate: Int
  package var names: ExpertNames

  package init(count: Int, hidden: Int, intermediate: Int, names: ExpertNames = .projections) {
    self.count = count
    self.hidden = hidden
    self.intermediate = intermediate
    self.names = names
  }
}

extension Part {
  /// The form that the checkpoint's keys show; without a checkpoint what the user asked for, else `published`.
  package func expertStorage(_ shape: ExpertShape, published: ExpertStorage) throws(Refusal) -> ExpertStorage {
    let asked = try model.askedExpertStorage()
    let packed = [source + "experts.gate_up_proj", source + "experts.down_proj"]
    for name in packed where model.state(of: name) == .present {
      if asked == .perExpert {
        throw model.fail("--expert-storage per-expert, but the checkpoint holds \(name); leave the option out")
      }
      return try orientation(packed, shape, asked: asked)
    }
    for projection in [shape.names.gate, shape.names.up, shape.names.down] {
      if model.state(of: "\(source)experts.0.\(projection).weight") == .present { return .perExpert }
    }
    return asked ?? published
  }

  private func orientation(
    _ names: [String], _ shape: ExpertShape, asked: ExpertStorage?
  ) throws(Refusal) -> ExpertStorage {
    if let asked { return asked }
    for (name, rows, columns) in [
      (names[0], 2 * shape.intermediate, shape.hidden), (names[1], shape.hidden, shape.intermediate),
    ] where rows == columns {
      throw model.fail(
        "\(name) holds square matrices, whose orientation their shape does not tell; pass --expert-storage packed "
          + "(rows are outputs) or --expert-storage packed-transposed (rows are inputs)")
    }
    guard let stored = model.shape(of: names[0]), stored.count == 3 else { return .packed }
    return stored[1] == shape.hidden && stored[2] == 2 * shape.intermediate ? .packedTransposed : .packed
  }

  /// Declares the gated experts below this part (an MLP).
  package func experts(_ shape: ExpertShape, published: ExpertStorage) throws(Refusal) {
    let weights = try expertWeights(shape, try expertStorage(shape, published: published))
    let gateUp = Placement.split(0, Segment.gateUp(shape.intermediate), by: .etp)
    let down = Placement.split(1, [Segment(shape.intermediate, of: "intermediate row")], by: .etp)
    for index in 0..<shape.count {
      let expert = Expert(index: index, count: shape.count)
      let (fc1, fc2) = try weights.matrices(of: index)
      try groupedLinear("linear_fc1", fc1, gateUp, expert: expert)
      try groupedLinear("linear_fc2", fc2, down, expert: expert)
    }
  }

  /// All experts' matrices in three nodes, (experts, outputs, inputs) each.
  func stackedExperts(
    _ shape: ExpertShape, published: ExpertStorage
  ) throws(Refusal) -> (gate: Node, up: Node, down: Node) {
    let (hidden, inner) = (shape.hidden, shape.intermediate)
    if let packed = try packedExperts(shape, try expertStorage(shape, published: published)) {
      let gate = try packed.gateUp.narrowed(1, from: 0, length: inner)
      return (gate, try packed.gateUp.narrowed(1, from: inner, length: inner), packed.down)
    }
    func stack(_ name: String, _ rows: Int, _ columns: Int) throws(Refusal) -> Node {
      try self.stack({ "experts.\($0).\(name).weight" }, shape.count, rows: rows, columns: columns)
    }
    let names = shape.names
    return (
      try stack(names.gate, inner, hidden), try stack(names.up, inner, hidden), try stack(names.down, hidden, inner)
    )
  }

  private func expertWeights(_ shape: ExpertShape, _ storage: ExpertStorage) throws(Refusal) -> ExpertWeights {
    ExpertWeights(part: self, shape: shape, packed: try packedExperts(shape, storage))
  }

  /// Gate above up, and down, of all experts in one node each; nil when the checkpoint has a tensor for each expert.
  private func packedExperts(
    _ shape: ExpertShape, _ storage: ExpertStorage
  ) throws(Refusal) -> (gateUp: Node, down: Node)? {
    let (count, hidden, wide) = (shape.count, shape.hidden, 2 * shape.intermediate)
    switch storage {
    case .perExpert:
      return nil
    case .packed:
      let gateUp = try read("experts.gate_up_proj", [count, wide, hidden])
      return (gateUp, try read("experts.down_proj", [count, hidden, shape.intermediate]))
    case .packedTransposed:
      let gateUp = try read("experts.gate_up_proj", [count, hidden, wide])
      let down = try read("experts.down_proj", [count, shape.intermediate, hidden])
      return (try gateUp.permuted([0, 2, 1]), try down.permuted([0, 2, 1]))
    }
  }
}

/// The matrices of routed experts, (outputs, inputs) each, whatever the checkpoint's form.
private struct ExpertWeights {
  let part: Part
  let shape: ExpertShape
  /// All gate-up and all down matrices in one node each; nil when the checkpoint has a tensor for each expert.
  let packed: (gateUp: Node, down: Node)?

  func matrices(of expert: Int) throws(Refusal) -> (fc1: Node, fc2: Node) {
    if let packed { return (try packed.gateUp.entry(expert), try packed.down.entry(expert)) }
    let halves = [shape.names.gate, shape.names.up].map {
      (name: "experts.\(expert).\($0).weight", rows: shape.intermediate)
    }
    let fc1 = try part.read(rowsOf: halves, columns: shape.hidden)
    return (fc1, try part.read("experts.\(expert).\(shape.names.down).weight", [shape.hidden, shape.intermediate]))
  }
}

extension Model {
  /// `--expert-storage`; nil when not given.
  func askedExpertStorage() throws(Refusal) -> ExpertStorage? {
    guard let asked = try option("expert_storage") else { return nil }
    if asked.matches("per_expert") { return .perExpert }
    if asked.matches("packed") { return .packed }
    if asked.matches("packed_transposed") { return .packedTransposed }
    throw fail("--expert-storage \(asked.string) is not one of per-expert, packed, packed-transposed")
  }
}
