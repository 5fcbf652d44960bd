import MimoTensor

/// Decodes groups of 32 four-bit codes with an exponent each.
///
/// A byte holds two elements, so there is a table of pairs for each exponent that occurs: one look-up for two elements.
/// Source: Megatron-Bridge 0.6.2 `dequantize_mxfp4`.
struct MXFP4Decoder<Codec: ElementCodec> {
  let groups: Int
  /// 16 bytes a group.
  let codes: UnsafePointer<UInt8>
  let scales: UnsafePointer<UInt8>
  let output: UnsafeMutablePointer<Codec.Raw>

  /// - Parameter pair: an integer of the size of two elements.
  func run<Pair: FixedWidthInteger & BitwiseCopyable>(_ pair: Pair.Type) {
    withUnsafeTemporaryAllocation(of: Bool.self, capacity: 256) { isMade in
      isMade.initialize(repeating: false)
      withUnsafeTemporaryAllocation(of: Pair.self, capacity: 256 * 256) { tables in
        guard let tables = tables.baseAddress else { return }
        let target = UnsafeMutableRawPointer(output).assumingMemoryBound(to: Pair.self)
        for group in 0..<groups {
          let scale = scales[group]
          let table = tables + Int(scale) * 256
          if !isMade[Int(scale)] {
            fill(UnsafeMutableRawPointer(table).assumingMemoryBound(to: Codec.Raw.self), scale)
            isMade[Int(scale)] = true
          }
          translate(codes + group * 16, table, target + group * 16)
        }
      }
    }
  }

  private func fill(_ table: UnsafeMutablePointer<Codec.Raw>, _ scale: UInt8) {
    for byte in 0..<256 {
      table[2 * byte] = Codec.encode(CodeValues.scaled(CodeValues.e2m1[byte & 15], by: scale))
      table[2 * byte + 1] = Codec.encode(CodeValues.scaled(CodeValues.e2m1[byte >> 4], by: scale))
    }
  }

  @inline(__always)
  private func translate<Pair>(
    _ input: UnsafePointer<UInt8>, _ table: UnsafePointer<Pair>, _ target: UnsafeMutablePointer<Pair>
  ) {
    for i in 0..<16 { target[i] = table[Int(input[i])] }
  }
}
