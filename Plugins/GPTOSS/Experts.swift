import PluginKit

extension Part {
  /// Experts whose gate and up rows take turns in the checkpoint; Megatron has all gate rows, then all up rows.
  ///
  /// Megatron can not cut the biases of experts, so that they need an expert tensor parallel size of 1.
  func interleavedExperts(_ shape: ExpertShape) throws(Refusal) {
    let (count, hidden, wide) = (shape.count, shape.hidden, 2 * shape.intermediate)
    let gateUp = try matrices("experts.gate_up_proj", count, outputs: wide, inputs: hidden).halvesApart()
    let gateUpBias = try read("experts.gate_up_proj_bias", [count, wide]).halvesApart()
    let down = try matrices("experts.down_proj", count, outputs: hidden, inputs: shape.intermediate)
    let downBias = try read("experts.down_proj_bias", [count, hidden])
    let columns = Segment(shape.intermediate, of: "intermediate row")
    let uncut = Segment(
      shape.intermediate, unit: shape.intermediate, of: "expert bias (experts with biases need etp=1 in Megatron)")
    for index in 0..<count {
      let expert = Expert(index: index, count: count)
      try groupedLinear(
        "linear_fc1", try gateUp.entry(index), .split(0, Segment.gateUp(shape.intermediate), by: .etp),
        bias: try gateUpBias.entry(index), .split(0, [uncut, uncut], by: .etp), expert: expert)
      try groupedLinear(
        "linear_fc2", try down.entry(index), .split(1, [columns], by: .etp), bias: try downBias.entry(index),
        expert: expert)
    }
  }

  /// One projection of all experts, (experts, outputs, inputs).
  ///
  /// Which of the last two dims is which is a matter of the storage form, never of the shape: published sizes are
  /// square. The plain form has inputs before outputs, the MXFP4 form outputs before inputs.
  private func matrices(_ name: String, _ count: Int, outputs: Int, inputs: Int) throws(Refusal) -> Node {
    if let decoded = try mxfp4(name, [count, outputs, inputs]) {
      if isPrime { try keep(try decoded.permuted([0, 2, 1]), as: name) }
      return decoded
    }
    return try read(name, [count, inputs, outputs]).permuted([0, 2, 1])
  }
}

extension Node {
  /// Dim 1 holds pairs (gate, up): all firsts, then all seconds.
  fileprivate func halvesApart() throws(Refusal) -> Node {
    let columns = Array(shape.dropFirst(2))
    let pairs = try reshaped([shape[0], shape[1] / 2, 2] + columns)
    return try pairs.permuted([0, 2, 1] + Array(3..<pairs.shape.count)).reshaped(shape)
  }
}
