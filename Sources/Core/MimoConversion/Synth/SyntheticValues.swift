import MimoChecksum
import MimoSystem
import MimoTensor

/// Seeded values that depend on the tensor's name and the element's position alone, so that a transposition, a shift or a
/// swap of tensors shows, and any part can be made at any time.
///
/// Floats have a random sign and mantissa and one of four exponents: magnitudes from 2^-8 to 2^-4, never zero, never
/// infinite. They are made from random words by a mask and an addition on all lanes of a word at once.
struct SyntheticValues: Sendable {
  private let key: UInt64
  private let mask: UInt64
  private let base: UInt64

  /// nil for a dtype that has no such values.
  init?(seed: UInt64, tensor name: String, dtype: DType) {
    guard let (mask, base) = SyntheticValues.lanes(dtype) else { return nil }
    self.mask = mask
    self.base = base
    var name = name
    let digest = name.withUTF8 { mimo_crc64(0, $0.baseAddress, $0.count) }
    key = SplitMix64.mix(SplitMix64.mix(seed) ^ digest)
  }

  /// Fills `buffer` with the bytes of the tensor from `start` on, a multiple of 8.
  func fill(_ buffer: UnsafeMutableRawBufferPointer, at start: Int) {
    let whole = buffer.count / 8
    let first = UInt64(start / 8)
    guard let address = buffer.baseAddress else { return }
    let words = address.assumingMemoryBound(to: UInt64.self)
    for i in 0..<whole { words[i] = word(first &+ UInt64(i)).littleEndian }
    let rest = buffer.count - whole * 8
    guard rest > 0 else { return }
    withUnsafeBytes(of: word(first &+ UInt64(whole)).littleEndian) { last in
      for i in 0..<rest { buffer[whole * 8 + i] = last[i] }
    }
  }

  @inline(__always)
  private func word(_ index: UInt64) -> UInt64 {
    (SplitMix64.mix(key &+ index &* SplitMix64.step) & mask) &+ base
  }

  /// The random bits of each lane, and the smallest magnitude. No addition carries into the next lane.
  private static func lanes(_ dtype: DType) -> (mask: UInt64, base: UInt64)? {
    switch dtype {
    case .bf16: (0x81FF_81FF_81FF_81FF, 0x3B80_3B80_3B80_3B80)
    case .f16: (0x8FFF_8FFF_8FFF_8FFF, 0x1C00_1C00_1C00_1C00)
    case .f32: (0x81FF_FFFF_81FF_FFFF, 0x3B80_0000_3B80_0000)
    default: nil
    }
  }
}
