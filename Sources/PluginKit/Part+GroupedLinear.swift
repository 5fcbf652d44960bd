extension Part {
  /// One expert's share of a grouped linear layer. The part is the MLP that the experts are in.
  ///
  /// Source: Megatron-core `TEGroupedMLP`: a tensor for each expert in the module, one with an expert axis on disk.
  package func groupedLinear(
    _ module: String, _ weight: Node, _ placement: Placement, bias: Node? = nil,
    _ biasPlacement: Placement = .replicated, expert: Expert
  ) throws(Refusal) {
    let (name, key) = ("experts.\(module)", "experts.experts.\(module)")
    try target("\(name).weight{expert}", key: "\(key).weight", weight, placement, expert: expert)
    if let bias { try target("\(name).bias{expert}", key: "\(key).bias", bias, biasPlacement, expert: expert) }
    try extraState(key: self.key + key, expert: expert.index, of: expert.count)
  }
}
