/// Gated DeltaNet (linear attention) sizes.
package struct DeltaNetShape {
  package var hidden: Int
  package var keyHeads: Int
  package var valueHeads: Int
  package var keyHeadDim: Int
  package var valueHeadDim: Int
  package var kernel: Int

  package init(hidden: Int, keyHeads: Int, valueHeads: Int, keyHeadDim: Int, valueHeadDim: Int, kernel: Int) {
    self.hidden = hidden
    self.keyHeads = keyHeads
    self.valueHeads = valueHeads
    self.keyHeadDim = keyHeadDim
    self.valueHeadDim = valueHeadDim
    self.kernel = kernel
  }

  var keyRows: Int { keyHeads * keyHeadDim }
  var valueRows: Int { valueHeads * valueHeadDim }

  private var query: Segment { Segment(keyRows, unit: keyHeadDim, of: "linear key head", named: "query") }
  private var key: Segment { Segment(keyRows, unit: keyHeadDim, of: "linear key head", named: "key") }
  private var value: Segment { Segment(valueRows, unit: valueHeadDim, of: "linear value head", named: "value") }

  var convolved: [Segment] { [query, key, value] }
  var projected: [Segment] {
    convolved + [
      Segment(valueRows, unit: valueHeadDim, of: "linear value head", named: "z"),
      Segment(valueHeads, of: "linear value head", named: "beta"),
      Segment(valueHeads, of: "linear value head", named: "alpha"),
    ]
  }
  var perValueHead: Placement { .split(0, [Segment(valueHeads, of: "linear value head")]) }
}

extension Part {
  /// A Gated DeltaNet layer whose checkpoint has `in_proj_qkv`, `in_proj_z`, `in_proj_b` and `in_proj_a`.
  ///
  /// Megatron's output norm is zero-centred, the checkpoint's is not. Source: Megatron-core `GatedDeltaNet`.
  package func gatedDeltaNet(_ shape: DeltaNetShape) throws(Refusal) {
    let convolved = 2 * shape.keyRows + shape.valueRows
    let projections = try read(
      rowsOf: [
        ("in_proj_qkv.weight", convolved), ("in_proj_z.weight", shape.valueRows),
        ("in_proj_b.weight", shape.valueHeads), ("in_proj_a.weight", shape.valueHeads),
      ], columns: shape.hidden)
    try columnParallel("in_proj", projections, segments: shape.projected)
    try target("conv1d.weight", try read("conv1d.weight", [convolved, 1, shape.kernel]), .split(0, shape.convolved))
    try target("A_log", try read("A_log", [shape.valueHeads], published: .f32), shape.perValueHead)
    try target("dt_bias", try read("dt_bias", [shape.valueHeads]), shape.perValueHead)
    try target("out_norm.weight", try read("norm.weight", [shape.valueHeadDim], published: .f32) - 1)
    try extraState("out_norm")
    try rowParallel(
      "out_proj", from: "out_proj", rows: shape.hidden, columns: shape.valueRows, unit: shape.valueHeadDim,
      of: "linear value head")
  }
}
