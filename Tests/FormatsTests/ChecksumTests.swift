import MimoChecksum
import Testing

@Suite struct ChecksumTests {
  /// Check values of the CRC catalogue (CRC-32/ISO-HDLC, CRC-64/NVME) and well-known others.
  @Test(
    arguments: [
      ("", 0, 0), ("123456789", 0xCBF4_3926, 0xAE8B_1486_0A79_9888),
      ("a", 0xE8B7_BE43, nil), ("The quick brown fox jumps over the lazy dog", 0x414F_A339, nil),
    ] as [(String, UInt32, UInt64?)])
  func knownValues(text: String, crc32: UInt32, crc64: UInt64?) {
    let bytes = Array(text.utf8)
    #expect(mimo_crc32(0, bytes, bytes.count) == crc32)
    if let crc64 { #expect(mimo_crc64(0, bytes, bytes.count) == crc64) }
  }

  /// One bit at a time, from the definition.
  private func reference<Word: FixedWidthInteger & UnsignedInteger>(_ bytes: some Sequence<UInt8>, _ polynomial: Word)
    -> Word
  {
    var register = Word.max
    for byte in bytes {
      register ^= Word(byte)
      for _ in 0..<8 { register = register & 1 == 1 ? register >> 1 ^ polynomial : register >> 1 }
    }
    return ~register
  }

  @Test func everyLengthAgreesWithTheDefinition() {
    var random = SystemRandomNumberGenerator()
    let bytes = (0..<400).map { _ in UInt8.random(in: 0...255, using: &random) }
    for start in [0, 1, 7] {
      for count in 0...(bytes.count - start) {
        let run = Array(bytes[start..<start + count])
        let (crc32, crc64) = (reference(run, 0xEDB8_8320 as UInt32), reference(run, 0x9A6C_9329_AC4B_C9B5 as UInt64))
        #expect(mimo_crc32(0, run, count) == crc32)
        #expect(mimo_crc64(0, run, count) == crc64)
        #expect(mimo_crc32_raw_portable(7, run, count) == mimo_crc32_raw(7, run, count))
        #expect(mimo_crc64_raw_portable(7, run, count) == mimo_crc64_raw(7, run, count))
      }
    }
  }

  @Test(arguments: 0..<20) func runsInAnyOrderGiveTheWhole(seed: Int) {
    var random = SystemRandomNumberGenerator()
    let bytes = (0..<10_000).map { _ in UInt8.random(in: 0...255, using: &random) }
    let cuts = ([0, bytes.count] + (0..<seed).map { _ in Int.random(in: 0...bytes.count, using: &random) }).sorted()
    var (total32, total64): (UInt32, UInt64) = (0, 0)
    for (start, end) in zip(cuts, cuts.dropFirst()).shuffled() {
      let run = Array(bytes[start..<end])
      let behind = UInt64(bytes.count - end)
      total32 ^= mimo_crc32_shift(mimo_crc32_raw(0, run, run.count), behind)
      total64 ^= mimo_crc64_shift(mimo_crc64_raw(0, run, run.count), behind)
    }
    #expect(mimo_crc32_finish(total32, UInt64(bytes.count)) == mimo_crc32(0, bytes, bytes.count))
    #expect(mimo_crc64_finish(total64, UInt64(bytes.count)) == mimo_crc64(0, bytes, bytes.count))
  }

  @Test func crcsContinue() {
    let bytes = Array("123456789".utf8)
    #expect(mimo_crc32(mimo_crc32(0, bytes, 4), Array(bytes[4...]), 5) == 0xCBF4_3926)
    #expect(mimo_crc64(mimo_crc64(0, bytes, 4), Array(bytes[4...]), 5) == 0xAE8B_1486_0A79_9888)
  }

  /// Shifts add up, however far: x^(8a) * x^(8b) = x^(8(a+b)).
  @Test(arguments: [1, 255, 256, 65_537, 1 << 33 + 5, 1 << 62 + 12345] as [UInt64])
  func shiftsAddUp(distance: UInt64) {
    let (near, far) = (distance / 3, distance - distance / 3)
    #expect(mimo_crc32_shift(mimo_crc32_shift(0x1234_5678, near), far) == mimo_crc32_shift(0x1234_5678, distance))
    #expect(
      mimo_crc64_shift(mimo_crc64_shift(0x1234_5678_9ABC, near), far) == mimo_crc64_shift(0x1234_5678_9ABC, distance))
    let zeros = [UInt8](repeating: 0, count: 4096)
    guard distance <= 4096 else { return }
    #expect(mimo_crc32_raw(99, zeros, Int(distance)) == mimo_crc32_shift(99, distance))
    #expect(mimo_crc64_raw(99, zeros, Int(distance)) == mimo_crc64_shift(99, distance))
  }
}
