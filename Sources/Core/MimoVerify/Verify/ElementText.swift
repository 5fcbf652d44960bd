import MimoTensor

/// One element as people read it.
enum ElementText {
  /// The value where the dtype is one of numbers, and the bits where two values would look the same.
  static func pair(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ dtype: DType) -> (a: String, b: String) {
    let (first, second) = (text(a, dtype), text(b, dtype))
    guard first == second else { return (first, second) }
    return ("\(first) (\(bits(a, dtype)))", "\(second) (\(bits(b, dtype)))")
  }

  static func text(_ address: UnsafeRawPointer, _ dtype: DType) -> String {
    func load<T: BitwiseCopyable>(_ type: T.Type) -> T { address.loadUnaligned(as: type) }
    return switch dtype {
    case .bf16: "\(Float(bitPattern: UInt32(load(UInt16.self)) << 16))"
    case .f16: "\(Float(Float16(bitPattern: load(UInt16.self))))"
    case .f32: "\(load(Float.self))"
    case .f64: "\(load(Double.self))"
    case .u8: "\(load(UInt8.self))"
    case .i8: "\(load(Int8.self))"
    case .u16: "\(load(UInt16.self))"
    case .i16: "\(load(Int16.self))"
    case .u32: "\(load(UInt32.self))"
    case .i32: "\(load(Int32.self))"
    case .u64: "\(load(UInt64.self))"
    case .i64: "\(load(Int64.self))"
    default: bits(address, dtype)
    }
  }

  private static func bits(_ address: UnsafeRawPointer, _ dtype: DType) -> String {
    var word: UInt64 = 0
    let width = dtype.byteWidth ?? 1
    for i in (0..<width).reversed() { word = word << 8 | UInt64(address.load(fromByteOffset: i, as: UInt8.self)) }
    let digits = String(word, radix: 16)
    return "0x" + String(repeating: "0", count: max(0, 2 * width - digits.count)) + digits
  }
}
