import MimoTensor

/// A binary float format, computed on by the definition of IEEE 754 instead of by bits: slow, and independent of the
/// codecs that it checks.
package struct SlowFloat: Sendable {
  package var exponentBits: Int
  package var mantissaBits: Int

  package init?(_ type: DType) {
    switch type {
    case .bf16: (exponentBits, mantissaBits) = (8, 7)
    case .f16: (exponentBits, mantissaBits) = (5, 10)
    case .f32: (exponentBits, mantissaBits) = (8, 23)
    default: return nil
    }
  }

  private var bias: Int { (1 << (exponentBits - 1)) - 1 }
  private var topExponent: Int { (1 << exponentBits) - 1 }
  private var signBit: UInt64 { 1 << UInt64(exponentBits + mantissaBits) }

  package func value(_ bits: UInt64) -> Double {
    let mantissa = Double(bits & (1 << UInt64(mantissaBits) - 1)) / Double(1 << mantissaBits)
    let exponent = Int(bits >> UInt64(mantissaBits)) & topExponent
    let sign: Double = bits & signBit == 0 ? 1 : -1
    if exponent == topExponent { return mantissa == 0 ? sign * .infinity : .nan }
    if exponent == 0 { return sign * mantissa * power(1 - bias) }
    return sign * (1 + mantissa) * power(exponent - bias)
  }

  /// The nearest number of the format, of two equally near ones that with an even last digit; NaN is the canonical one.
  package func bits(_ value: Double) -> UInt64 {
    let infinity = UInt64(topExponent) << UInt64(mantissaBits)
    if value.isNaN { return infinity | 1 << UInt64(mantissaBits - 1) }
    let sign = value.sign == .minus ? signBit : 0
    let size = abs(value)
    if size >= power(bias + 1) { return sign | infinity }
    let exponent = size == 0 ? 1 - bias : max(Int(size.exponent), 1 - bias)
    // In steps of the last digit: exact, for a double has more digits and a wider exponent.
    let steps = UInt64((size / power(exponent) * Double(1 << mantissaBits)).rounded(.toNearestOrEven))
    // Counting on from the smallest number of the binade carries into the exponent as it should, up to infinity.
    let bits = steps + UInt64(exponent + bias - 1) << UInt64(mantissaBits)
    return sign | min(bits, infinity)
  }

  /// `value` rounded to the format.
  package func rounded(_ value: Double) -> Double { self.value(bits(value)) }

  private func power(_ exponent: Int) -> Double { Double(sign: .plus, exponent: exponent, significand: 1) }
}

/// What an element becomes on the way to the right and back, by the definition: torch adds two numbers of 16 bits in
/// single precision, and rounds the sum.
package struct SlowConversion {
  private let left: SlowFloat
  private let right: SlowFloat
  private let single: SlowFloat
  private let addend: Double?
  private let isSingle: (left: Bool, right: Bool)

  package init?(left: DType, right: DType, addend: Double?) {
    isSingle = (left == .f32, right == .f32)
    guard let left = SlowFloat(left), let right = SlowFloat(right), let single = SlowFloat(.f32) else { return nil }
    (self.left, self.right, self.single) = (left, right, single)
    self.addend = addend.map(single.rounded)
  }

  package func toRight(_ bits: UInt64) -> UInt64 { move(bits, left, right, addend, toSingle: isSingle.right) }
  package func toLeft(_ bits: UInt64) -> UInt64 {
    move(bits, right, left, addend.map { -$0 }, toSingle: isSingle.left)
  }

  private func move(_ bits: UInt64, _ from: SlowFloat, _ to: SlowFloat, _ addend: Double?, toSingle: Bool) -> UInt64 {
    let value = from.value(bits)
    guard let addend else { return to.bits(value) }
    let sum = single.rounded(value + addend)
    return to.bits(toSingle ? sum : from.rounded(sum))
  }
}
