extension Part {
  /// `linear_fc1` = [gate; up] and `linear_fc2`, from `gate_proj`, `up_proj` and `down_proj`.
  package func gatedMLP(hidden: Int, intermediate: Int) throws(Refusal) {
    let fc1 = try read(rowsOf: [("gate_proj.weight", intermediate), ("up_proj.weight", intermediate)], columns: hidden)
    try columnParallel("linear_fc1", fc1, segments: Segment.gateUp(intermediate))
    try rowParallel("linear_fc2", from: "down_proj", rows: hidden, columns: intermediate, of: "intermediate row")
  }

  /// `linear_fc1` and `linear_fc2` without a gate, with the same names in the checkpoint.
  package func plainMLP(hidden: Int, intermediate: Int, bias: Bool) throws(Refusal) {
    try columnParallel(
      "linear_fc1", from: "linear_fc1", rows: intermediate, columns: hidden, bias: bias, of: "intermediate row")
    try rowParallel(
      "linear_fc2", from: "linear_fc2", rows: hidden, columns: intermediate, bias: bias, of: "intermediate row")
  }

  /// An expert that every token goes through; `gate` is the source of its output gate, if it has one.
  package func sharedExpert(
    from source: String = "shared_expert", hidden: Int, intermediate: Int, gate: String?
  ) throws(Refusal) {
    try part("shared_experts", from: source).gatedMLP(hidden: hidden, intermediate: intermediate)
    if let gate { try replicated("shared_experts.gate_weight", from: "\(gate).weight", [1, hidden]) }
  }
}

extension Segment {
  /// The two halves of a gated `linear_fc1`; each rank holds [gate_r; up_r].
  package static func gateUp(_ intermediate: Int) -> [Segment] {
    [Segment(intermediate, of: "intermediate row"), Segment(intermediate, of: "intermediate row")]
  }
}
