import MimoTensor

/// Turns a window of codes and scales into elements.
package struct Decoder: Sendable {
  package let form: Encoding.Form
  /// Of the decoded tensor.
  package let shape: GlobalShape
  package let dtype: DType

  /// nil when values are not decoded to this dtype, or a tensor of this shape is not stored so.
  package init?(_ form: Encoding.Form, shape: GlobalShape, to dtype: DType) {
    guard form.fits(shape), dtype == .bf16 || dtype == .f16 || dtype == .f32 else { return nil }
    self.form = form
    self.shape = shape
    self.dtype = dtype
  }

  /// - Parameters:
  ///   - elements: not empty; begins and ends on the form's granule.
  ///   - codes: those of `elements`.
  ///   - scales: those that `elements` need (`Encoding.Form.scales`), as floats for FP8, as stored for MXFP4.
  ///   - output: room for the elements, aligned for two of them.
  package func decode(
    _ elements: Range<Int>, codes: UnsafeRawPointer, scales: UnsafeRawPointer, into output: UnsafeMutableRawPointer
  ) {
    switch dtype {
    case .bf16: decode(BFloat16Codec.self, UInt32.self, elements, codes, scales, output)
    case .f16: decode(Float16Codec.self, UInt32.self, elements, codes, scales, output)
    default: decode(Float32Codec.self, UInt64.self, elements, codes, scales, output)
    }
  }

  private func decode<Codec: ElementCodec, Pair: FixedWidthInteger & BitwiseCopyable>(
    _ codec: Codec.Type, _ pair: Pair.Type, _ elements: Range<Int>, _ codes: UnsafeRawPointer,
    _ scales: UnsafeRawPointer, _ output: UnsafeMutableRawPointer
  ) {
    let codes = codes.assumingMemoryBound(to: UInt8.self)
    let output = output.assumingMemoryBound(to: Codec.Raw.self)
    switch form {
    case .fp8Block:
      FP8Decoder<Codec>(
        grid: BlockGrid(form, shape), elements: elements, codes: codes,
        scales: scales.assumingMemoryBound(to: Float.self), output: output
      ).run()
    case .mxfp4:
      MXFP4Decoder<Codec>(
        groups: elements.count / Encoding.Form.groupSize, codes: codes,
        scales: scales.assumingMemoryBound(to: UInt8.self), output: output
      ).run(pair)
    }
  }

  /// Stored scales as single precision floats, which every dtype of scales fits in.
  package static func widen(
    _ count: Int, of dtype: DType, from source: UnsafeRawPointer, to target: UnsafeMutableRawPointer
  ) {
    let target = target.assumingMemoryBound(to: Float.self)
    switch dtype {
    case .bf16: widen(BFloat16Codec.self, count, source, target)
    case .f16: widen(Float16Codec.self, count, source, target)
    default: widen(Float32Codec.self, count, source, target)
    }
  }

  private static func widen<Codec: ElementCodec>(
    _ codec: Codec.Type, _ count: Int, _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>
  ) {
    let source = source.assumingMemoryBound(to: Codec.Raw.self)
    for i in 0..<count { target[i] = Codec.decode(source[i]) }
  }
}
