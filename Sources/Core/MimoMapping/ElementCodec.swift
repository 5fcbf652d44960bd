import MimoTensor

/// Reads and writes one float format as `Float`, with torch's rounding (to nearest, ties to even).
protocol ElementCodec {
  associatedtype Raw: FixedWidthInteger & UnsignedInteger & BitwiseCopyable
  static func decode(_ raw: Raw) -> Float
  static func encode(_ value: Float) -> Raw
}

enum Float32Codec: ElementCodec {
  @inline(__always) static func decode(_ raw: UInt32) -> Float { Float(bitPattern: raw) }
  @inline(__always) static func encode(_ value: Float) -> UInt32 { value.bitPattern }
}

enum BFloat16Codec: ElementCodec {
  @inline(__always) static func decode(_ raw: UInt16) -> Float { Float(bitPattern: UInt32(raw) << 16) }

  /// Source: c10 `round_to_nearest_even`; every NaN becomes 0x7FC0.
  @inline(__always) static func encode(_ value: Float) -> UInt16 {
    if value.isNaN { return 0x7FC0 }
    let bits = value.bitPattern
    let bias = 0x7FFF + ((bits >> 16) & 1)
    return UInt16(truncatingIfNeeded: (bits &+ bias) >> 16)
  }
}

enum Float16Codec: ElementCodec {
  @inline(__always) static func decode(_ raw: UInt16) -> Float { Float(Float16(bitPattern: raw)) }
  @inline(__always) static func encode(_ value: Float) -> UInt16 { Float16(value).bitPattern }
}
