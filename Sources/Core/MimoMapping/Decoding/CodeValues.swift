/// What the codes of small float formats stand for.
enum CodeValues {
  /// E4M3 (OCP "fn" form: no infinities): sign, four bits of exponent with bias 7, three of mantissa.
  static let e4m3: [Float] = (0..<256).map { code in
    let sign: Float = code & 0x80 == 0 ? 1 : -1
    let exponent = (code >> 3) & 15
    let mantissa = Float(code & 7) / 8
    if code & 0x7F == 0x7F { return Float(bitPattern: code & 0x80 == 0 ? 0x7FF0_0000 : 0xFFF0_0000) }
    if exponent == 0 { return sign * mantissa * Float(sign: .plus, exponent: -6, significand: 1) }
    return sign * Float(sign: .plus, exponent: exponent - 7, significand: 1 + mantissa)
  }

  /// E2M1, the codes of MXFP4.
  static let e2m1: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6]

  /// `value * 2^(scale - 127)`, rounded once.
  ///
  /// Scale 255 is no NaN here: the reference has `ldexp` make 2^128 of it (0.5 becomes 2^127, 1 becomes infinity, 0
  /// stays). Source: Megatron-Bridge 0.6.2 `dequantize_mxfp4`.
  static func scaled(_ value: Float, by scale: UInt8) -> Float {
    Float(Double(value) * Double(sign: .plus, exponent: Int(scale) - 127, significand: 1))
  }
}
