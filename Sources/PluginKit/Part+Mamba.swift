/// Mamba-2 sizes.
package struct MambaShape {
  package var hidden: Int
  package var heads: Int
  package var headDim: Int
  /// How many B and C there are; each serves heads / groups heads.
  package var groups: Int
  package var state: Int

  package init(hidden: Int, heads: Int, headDim: Int, groups: Int, state: Int) {
    self.hidden = hidden
    self.heads = heads
    self.headDim = headDim
    self.groups = groups
    self.state = state
  }

  /// Positions that the convolution sees: Megatron-core builds no other.
  static let kernel = 4

  var inner: Int { heads * headDim }

  private func perHead(_ name: StaticString) -> Segment { Segment(inner, unit: headDim, of: "Mamba head", named: name) }
  private func perGroup(_ name: StaticString) -> Segment {
    Segment(groups * state, unit: state, of: "Mamba group", named: name)
  }

  var convolved: [Segment] { [perHead("x"), perGroup("B"), perGroup("C")] }
  var projected: [Segment] { [perHead("z")] + convolved + [Segment(heads, of: "Mamba head", named: "dt")] }
  var normed: [Segment] { [perHead("")] }
}

extension Part {
  /// A Mamba-2 mixer: each part of `in_proj` = [z, x, B, C, dt] and `conv1d` = [x, B, C] is cut for itself.
  ///
  /// Source: Megatron-core `MambaMixer`. The convolution is a module on disk, but two plain parameters in the module.
  package func mamba(_ shape: MambaShape) throws(Refusal) {
    let rows = shape.projected.reduce(0) { $0 + $1.extent }
    let channels = shape.convolved.reduce(0) { $0 + $1.extent }
    try columnParallel("in_proj", try read("in_proj.weight", [rows, shape.hidden]), segments: shape.projected)
    let kernels = try read("conv1d.weight", [channels, 1, MambaShape.kernel])
    try target("conv1d_weight", key: "conv1d.weight", kernels, .split(0, shape.convolved))
    try target("conv1d_bias", key: "conv1d.bias", try read("conv1d.bias", [channels]), .split(0, shape.convolved))
    for name in ["A_log", "D", "dt_bias"] {
      try target(name, try read(name, [shape.heads]), .split(0, [Segment(shape.heads, of: "Mamba head")]))
    }
    try target("norm.weight", try read("norm.weight", [shape.inner]), .split(0, shape.normed))
    try rowParallel(
      "out_proj", from: "out_proj", rows: shape.hidden, columns: shape.inner, unit: shape.headDim, of: "Mamba head")
  }
}
