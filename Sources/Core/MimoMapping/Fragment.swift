import MimoTensor

/// Where one box of a node comes from: a strided piece of one source, or zeros.
///
/// Element `i` of `region` (counted from its offset, a dimension each) is source element `base + sum(i * strides)`.
/// All structural operations keep a node a list of such fragments, so every mapping is data movement and has an inverse.
package struct Fragment: Sendable, Hashable {
  package var region: Region
  /// The source's index; nil for zeros (padding).
  package var source: Int?
  package var base: Int
  package var strides: DimVector
  /// What is done to each element on the way to the target.
  package var kernel: ElementKernel?

  package init(region: Region, source: Int?, base: Int, strides: DimVector, kernel: ElementKernel? = nil) {
    self.region = region
    self.source = source
    self.base = base
    self.strides = strides
    self.kernel = kernel
  }

  /// The part inside `box`; nil when there is none. Coordinates stay those of the node.
  package func clipped(to box: Region) -> Fragment? {
    guard let common = region.intersection(box) else { return nil }
    var copy = self
    for dim in 0..<common.rank { copy.base += (common.offset[dim] - region.offset[dim]) * strides[dim] }
    copy.region = common
    return copy
  }
}

/// A change of value on each element of a target, with its inverse.
package enum ElementKernel: Sendable, Hashable {
  /// `x + value`, computed in the source's dtype, then cast; back: `x - value` in the target's dtype, then cast. Where the
  /// result is F32, it is computed in F32.
  ///
  /// Source: the zero-centred output norm of Gated DeltaNet in Megatron-Bridge 0.6.2.
  case add(Double)
  /// `x - min(x)` over the whole source, in its dtype, then cast. Lossy: the way back only casts.
  ///
  /// Source: the router bias of NemotronH in prime-rl's layout, which is not shifted back there either.
  case subtractMinimum

  package var name: String {
    switch self {
    case .add(let value): "add(\(value))"
    case .subtractMinimum: "subtract_minimum"
    }
  }

  /// Whether there is no way back.
  package var isLossy: Bool { self == .subtractMinimum }

  /// Most bytes of a source whose minimum a kernel needs: every run has it in one window.
  package static let largestWhole = 64 << 10
}
