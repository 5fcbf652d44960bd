import MimoTensor

/// Turns packed elements of the Hugging Face tensor into those of the stored one, and back.
///
/// The kernel is computed in the dtype of the side that the elements come from, then cast: the order of the reference,
/// which gives other bits than casting first. Where a sum goes to F32 it is computed in F32, so that what fits is kept.
package struct ElementConverter: Sendable {
  package let left: DType
  package let right: DType
  package let kernel: ElementKernel?
  /// The least element of the source, for a kernel that takes it off; any NaN among them wins.
  private var minimum: Float = 0

  /// nil when there is no arithmetic between the two types.
  package init?(left: DType, right: DType, kernel: ElementKernel?) {
    guard left == right && kernel == nil || Self.isFloat(left) && Self.isFloat(right) else { return nil }
    self.left = left
    self.right = right
    self.kernel = kernel
  }

  /// Whether bytes pass unchanged.
  package var isIdentity: Bool { left == right && kernel == nil }

  /// Whether going right and back may lose elements.
  package var mayLose: Bool {
    if kernel != nil { return true }
    if left == right { return false }
    return !(left != .f32 && right == .f32)
  }

  private static func isFloat(_ type: DType) -> Bool {
    switch type {
    case .bf16, .f16, .f32: true
    default: false
    }
  }

  /// Whether `measure` must see the whole left tensor before the first element is converted to the right.
  package var needsMinimum: Bool { kernel == .subtractMinimum }

  /// Looks at all elements of the left tensor.
  package mutating func measure(_ count: Int, at source: UnsafeRawPointer) {
    switch left {
    case .bf16: minimum = least(BFloat16Codec.self, count, source)
    case .f16: minimum = least(Float16Codec.self, count, source)
    default: minimum = least(Float32Codec.self, count, source)
    }
  }

  private func least<L: ElementCodec>(_ l: L.Type, _ count: Int, _ source: UnsafeRawPointer) -> Float {
    let input = source.assumingMemoryBound(to: L.Raw.self)
    var least = Float.infinity
    for i in 0..<count {
      let value = L.decode(input[i])
      if value.isNaN { return value }
      least = min(least, value)
    }
    return least
  }

  /// Left elements -> right elements. Answers how many the way back would not restore.
  package func convert(_ count: Int, from source: UnsafeRawPointer, to target: UnsafeMutableRawPointer) -> Int {
    switch (left, right) {
    case (.bf16, .bf16): forward(BFloat16Codec.self, BFloat16Codec.self, count, source, target)
    case (.bf16, .f16): forward(BFloat16Codec.self, Float16Codec.self, count, source, target)
    case (.bf16, .f32): forward(BFloat16Codec.self, Float32Codec.self, count, source, target)
    case (.f16, .bf16): forward(Float16Codec.self, BFloat16Codec.self, count, source, target)
    case (.f16, .f16): forward(Float16Codec.self, Float16Codec.self, count, source, target)
    case (.f16, .f32): forward(Float16Codec.self, Float32Codec.self, count, source, target)
    case (.f32, .bf16): forward(Float32Codec.self, BFloat16Codec.self, count, source, target)
    case (.f32, .f16): forward(Float32Codec.self, Float16Codec.self, count, source, target)
    default: forward(Float32Codec.self, Float32Codec.self, count, source, target)
    }
  }

  /// Right elements -> left elements. Answers how many the way right again would not give.
  ///
  /// For a kernel that takes off the minimum that is only known of all left elements: then `convert` tells.
  package func invert(_ count: Int, from source: UnsafeRawPointer, to target: UnsafeMutableRawPointer) -> Int {
    switch (left, right) {
    case (.bf16, .bf16): backward(BFloat16Codec.self, BFloat16Codec.self, count, source, target)
    case (.bf16, .f16): backward(BFloat16Codec.self, Float16Codec.self, count, source, target)
    case (.bf16, .f32): backward(BFloat16Codec.self, Float32Codec.self, count, source, target)
    case (.f16, .bf16): backward(Float16Codec.self, BFloat16Codec.self, count, source, target)
    case (.f16, .f16): backward(Float16Codec.self, Float16Codec.self, count, source, target)
    case (.f16, .f32): backward(Float16Codec.self, Float32Codec.self, count, source, target)
    case (.f32, .bf16): backward(Float32Codec.self, BFloat16Codec.self, count, source, target)
    case (.f32, .f16): backward(Float32Codec.self, Float16Codec.self, count, source, target)
    default: backward(Float32Codec.self, Float32Codec.self, count, source, target)
    }
  }

  /// What the kernel adds on the way right.
  private var addend: Float {
    switch kernel {
    case .add(let value): Float(value)
    case .subtractMinimum: -minimum
    case nil: 0
    }
  }

  @inline(__always)
  private func toRight<L: ElementCodec, R: ElementCodec>(_ l: L.Type, _ r: R.Type, _ raw: L.Raw) -> R.Raw {
    guard let kernel else { return R.encode(L.decode(raw)) }
    let sum = L.decode(raw) + addend
    // What a minimum is taken off is not brought back anyway.
    let isKept = R.self == Float32Codec.self && kernel != .subtractMinimum
    return R.encode(isKept ? sum : L.decode(L.encode(sum)))
  }

  @inline(__always)
  private func toLeft<L: ElementCodec, R: ElementCodec>(_ l: L.Type, _ r: R.Type, _ raw: R.Raw) -> L.Raw {
    guard case .add = kernel else { return L.encode(R.decode(raw)) }
    let difference = R.decode(raw) - addend
    return L.encode(L.self == Float32Codec.self ? difference : R.decode(R.encode(difference)))
  }

  @inline(__always)
  private func forward<L: ElementCodec, R: ElementCodec>(
    _ l: L.Type, _ r: R.Type, _ count: Int, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer
  ) -> Int {
    let input = source.assumingMemoryBound(to: L.Raw.self)
    let output = target.assumingMemoryBound(to: R.Raw.self)
    var lost = 0
    for i in 0..<count {
      let value = toRight(l, r, input[i])
      output[i] = value
      if toLeft(l, r, value) != input[i] { lost += 1 }
    }
    return lost
  }

  @inline(__always)
  private func backward<L: ElementCodec, R: ElementCodec>(
    _ l: L.Type, _ r: R.Type, _ count: Int, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer
  ) -> Int {
    let input = source.assumingMemoryBound(to: R.Raw.self)
    let output = target.assumingMemoryBound(to: L.Raw.self)
    var lost = 0
    for i in 0..<count {
      let value = toLeft(l, r, input[i])
      output[i] = value
      if toRight(l, r, value) != input[i] { lost += 1 }
    }
    return lost
  }
}
