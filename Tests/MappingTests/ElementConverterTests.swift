import AlgebraSupport
import MimoMapping
import MimoTensor
import Testing

private let floats: [DType] = [.bf16, .f16, .f32]

/// Bits of elements as the bytes of a tensor, and back.
private func packed(_ elements: [UInt64], _ type: DType) -> [UInt8] {
  elements.flatMap { bits in (0..<(type.byteWidth ?? 1)).map { UInt8(truncatingIfNeeded: bits >> UInt64(8 * $0)) } }
}

private func unpacked(_ bytes: [UInt8], _ type: DType) -> [UInt64] {
  let width = type.byteWidth ?? 1
  return stride(from: 0, to: bytes.count, by: width).map { start in
    (0..<width).reduce(0) { $0 | UInt64(bytes[start + $1]) << UInt64(8 * $1) }
  }
}

extension ElementConverter {
  fileprivate func right(_ elements: [UInt64]) -> (bits: [UInt64], lost: Int) {
    var lost = 0
    let source = packed(elements, left)
    let bytes = [UInt8](unsafeUninitializedCapacity: elements.count * (right.byteWidth ?? 1)) { target, count in
      source.withUnsafeBytes { source in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        lost = convert(elements.count, from: from, to: to)
      }
      count = target.count
    }
    return (unpacked(bytes, right), lost)
  }

  fileprivate func left(_ elements: [UInt64]) -> [UInt64] { inverted(elements).bits }

  fileprivate func inverted(_ elements: [UInt64]) -> (bits: [UInt64], lost: Int) {
    var lost = 0
    let source = packed(elements, right)
    let bytes = [UInt8](unsafeUninitializedCapacity: elements.count * (left.byteWidth ?? 1)) { target, count in
      source.withUnsafeBytes { source in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        lost = invert(elements.count, from: from, to: to)
      }
      count = target.count
    }
    return (unpacked(bytes, left), lost)
  }
}

@Suite struct ElementConverterTests {
  struct Pair: Sendable, CustomTestStringConvertible {
    var left: DType
    var right: DType
    var addend: Double?
    var kernel: ElementKernel? { addend.map { .add($0) } }
    var testDescription: String { "\(left.rawValue) to \(right.rawValue), adding \(addend ?? 0)" }

    static let all = floats.flatMap { left in
      floats.flatMap { right in
        [nil, -1, 1, 0.1].map { Pair(left: left, right: right, addend: $0) }
      }
    }.filter { $0.left != $0.right || $0.addend != nil }
  }

  /// All numbers of 16 bits; of 32 bits those around every 16-bit number and its midpoints, and random ones.
  private static func samples(_ type: DType) -> [UInt64] {
    if type != .f32 { return Array(0...0xFFFF) }
    var random = Seeded(7)
    let around: [UInt64] = [0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF]
    let halves: [UInt64] = [0x0FFF, 0x1000, 0x1001, 0x3000]
    var result: [UInt64] = []
    for _ in 0..<6000 {
      let high = (random.next() & 0xFFFF) << 16
      result.append(high | around[random.number(0...5)])
      result.append(high | (random.next() & 0xE000) | halves[random.number(0...3)])
      result.append(random.next() & 0xFFFF_FFFF)
    }
    // What half precision can hold: where its own roundings happen.
    for _ in 0..<6000 {
      let exponent = UInt64(random.number(100...144)) << 23
      result.append(exponent | (random.next() & 0x7F_E000) | halves[random.number(0...3)])
    }
    return result
  }

  private static func isNaN(_ bits: UInt64, _ type: DType) -> Bool { SlowFloat(type)?.value(bits).isNaN ?? false }

  @Test(arguments: Pair.all)
  func bothWaysAreTheDefinition(_ pair: Pair) throws {
    let converter = try #require(ElementConverter(left: pair.left, right: pair.right, kernel: pair.kernel))
    let slow = try #require(SlowConversion(left: pair.left, right: pair.right, addend: pair.addend))
    #expect(!converter.isIdentity)

    let source = Self.samples(pair.left)
    let (right, lost) = converter.right(source)
    let back = converter.left(right)
    var wrong: [String] = []
    var differ = 0
    for (index, bits) in source.enumerated() {
      differ += back[index] == bits ? 0 : 1
      if Self.isNaN(bits, pair.left) {
        // Which NaN it is, only bf16 defines.
        if !Self.isNaN(right[index], pair.right) || !Self.isNaN(back[index], pair.left) { wrong.append("NaN \(bits)") }
        if pair.right == .bf16, right[index] != 0x7FC0 { wrong.append("NaN \(bits)") }
        continue
      }
      let expected = slow.toRight(bits)
      if Self.isNaN(expected, pair.right) ? !Self.isNaN(right[index], pair.right) : right[index] != expected {
        wrong.append("\(bits) became \(right[index]), not \(expected)")
      }
      let restored = slow.toLeft(expected)
      if back[index] != restored { wrong.append("\(right[index]) came back as \(back[index]), not \(restored)") }
    }
    #expect(wrong.isEmpty, "\(wrong.prefix(3)) of \(wrong.count)")
    #expect(lost == differ, "what is counted as lost is what does not come back")
  }

  /// An export loses what an import of it would not store again.
  @Test(arguments: Pair.all)
  func theWayBackCountsWhatTheWayThereWouldNotGiveAgain(_ pair: Pair) throws {
    let converter = try #require(ElementConverter(left: pair.left, right: pair.right, kernel: pair.kernel))
    let slow = try #require(SlowConversion(left: pair.left, right: pair.right, addend: pair.addend))
    let stored = Self.samples(pair.right).filter { !Self.isNaN($0, pair.right) }
    let (left, lost) = converter.inverted(stored)
    #expect(left == stored.map(slow.toLeft))
    let expected = stored.count { bits in
      let again = slow.toRight(slow.toLeft(bits))
      return again != bits
    }
    #expect(lost == expected)
    #expect((lost > 0) == (pair.addend != nil || pair.left == .bf16 || pair.left == .f16), "\(lost)")
  }

  /// The minimum is that of the whole source, taken off in its dtype; the way back only casts.
  @Test(arguments: floats.flatMap { left in floats.map { (left, $0) } })
  func theMinimumIsTakenOffForGood(left: DType, right: DType) throws {
    var converter = try #require(ElementConverter(left: left, right: right, kernel: .subtractMinimum))
    let plain = ElementConverter(left: left, right: right, kernel: nil)
    let (slowLeft, slowRight) = (try #require(SlowFloat(left)), try #require(SlowFloat(right)))
    let source = [1.5, -0.625, 3, 0.1, -0.625, 40].map { slowLeft.bits($0) }
    packed(source, left).withUnsafeBytes { if let start = $0.baseAddress { converter.measure(source.count, at: start) } }
    let (bits, lost) = converter.right(source)
    let values = source.map { slowLeft.value($0) }
    let expected = values.map { slowRight.bits(slowLeft.value(slowLeft.bits($0 + 0.625))) }
    #expect(bits == expected)
    let back = converter.left(bits)
    #expect(back == (plain.flatMap { $0.isIdentity ? nil : $0.left(bits) } ?? bits))
    #expect(lost == zip(back, source).count { $0 != $1 } && lost > 0)
  }

  /// Where numbers are known by hand. Source of the bf16 rounding: c10 `round_to_nearest_even`.
  @Test(arguments: [
    (0x3F80_8000, 0x3F80),  // 1 + half a step: down to the even one
    (0x3F81_8000, 0x3F82),  // up to the even one
    (0x3F80_8001, 0x3F81), (0x3F80_7FFF, 0x3F80), (0x7F7F_FFFF, 0x7F80),  // largest finite: infinity
    (0x7F7F_7FFF, 0x7F7F), (0x7F80_0000, 0x7F80), (0xFF80_0000, 0xFF80), (0x7F80_0001, 0x7FC0), (0xFFC0_0000, 0x7FC0),
    (0x8000_0000, 0x8000), (0x0000_8000, 0x0000), (0x0000_8001, 0x0001), (0x0001_8000, 0x0002),
  ] as [(UInt64, UInt64)])
  func singleToBFloat16(_ single: UInt64, half: UInt64) throws {
    let converter = try #require(ElementConverter(left: .f32, right: .bf16, kernel: nil))
    #expect(converter.right([single]).bits == [half])
  }

  @Test(arguments: [
    (0x3F80_1000, 0x3C00), (0x3F80_3000, 0x3C02), (0x477F_E000, 0x7BFF), (0x477F_EFFF, 0x7BFF), (0x477F_F000, 0x7C00),
    (0x3380_0000, 0x0001), (0x3300_0000, 0x0000), (0x3300_0001, 0x0001), (0x8000_0000, 0x8000), (0xFF80_0000, 0xFC00),
  ] as [(UInt64, UInt64)])
  func singleToHalf(_ single: UInt64, half: UInt64) throws {
    let converter = try #require(ElementConverter(left: .f32, right: .f16, kernel: nil))
    #expect(converter.right([single]).bits == [half])
  }

  /// 1 + w and back in bf16: near zero everything falls together.
  @Test func lossIsCounted() throws {
    let converter = try #require(ElementConverter(left: .bf16, right: .bf16, kernel: .add(-1)))
    // 1, 2, 0.5 come back; 2^-20 does not, nor -0; NaN comes back as the canonical one alone.
    let (right, lost) = converter.right([0x3F80, 0x4000, 0x3F00, 0x3580, 0x8000, 0x7FC0, 0x7FC1])
    #expect(right == [0x0000, 0x3F80, 0xBF00, 0xBF80, 0xBF80, 0x7FC0, 0x7FC0])
    #expect(lost == 3)
    #expect(converter.mayLose)
  }

  @Test(arguments: floats, floats)
  func wideningKeepsEveryNumber(_ left: DType, _ right: DType) throws {
    let converter = try #require(ElementConverter(left: left, right: right, kernel: nil))
    let numbers = Self.samples(left).filter { !Self.isNaN($0, left) }
    let (bits, lost) = converter.right(numbers)
    if !converter.mayLose {
      #expect(lost == 0)
      #expect(converter.left(bits) == numbers)
    } else {
      #expect(lost > 0)
    }
  }

  @Test func onlyFloatsAreComputedOn() {
    for left in DType.allCases {
      for right in DType.allCases {
        let areFloats = floats.contains(left) && floats.contains(right)
        let plain = ElementConverter(left: left, right: right, kernel: nil)
        #expect((plain != nil) == (left == right || areFloats))
        if let plain { #expect(plain.isIdentity == (left == right)) }
        #expect((ElementConverter(left: left, right: right, kernel: .add(1)) != nil) == areFloats)
      }
    }
    #expect(ElementKernel.add(-1).name == "add(-1.0)")
  }
}
