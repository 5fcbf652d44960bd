import MimoTensor

/// Names that torch's pickles have for element types.
///
/// Source: torch 2.15 `torch/_utils.py`, `torch/storage.py`. Types with a typed storage are rebuilt by
/// `_rebuild_tensor_v2`, the others from untyped bytes by `_rebuild_tensor_v3`.
extension DType {
  /// The name in module `torch`; nil where torch has no such type.
  package var torchName: String? {
    switch self {
    case .bool: "bool"
    case .u8: "uint8"
    case .i8: "int8"
    case .f8e5m2: "float8_e5m2"
    case .f8e4m3: "float8_e4m3fn"
    case .f8e8m0: "float8_e8m0fnu"
    case .f8e4m3fnuz: "float8_e4m3fnuz"
    case .f8e5m2fnuz: "float8_e5m2fnuz"
    case .i16: "int16"
    case .u16: "uint16"
    case .f16: "float16"
    case .bf16: "bfloat16"
    case .i32: "int32"
    case .u32: "uint32"
    case .f32: "float32"
    case .c64: "complex64"
    case .f64: "float64"
    case .i64: "int64"
    case .u64: "uint64"
    case .f4, .f6e2m3, .f6e3m2: nil
    }
  }

  /// The typed storage class in module `torch`; nil where there is none.
  package var torchStorageName: String? {
    switch self {
    case .bool: "BoolStorage"
    case .u8: "ByteStorage"
    case .i8: "CharStorage"
    case .i16: "ShortStorage"
    case .i32: "IntStorage"
    case .i64: "LongStorage"
    case .f16: "HalfStorage"
    case .bf16: "BFloat16Storage"
    case .f32: "FloatStorage"
    case .f64: "DoubleStorage"
    case .c64: "ComplexFloatStorage"
    default: nil
    }
  }

  private static let byTorchName = Dictionary(
    uniqueKeysWithValues: allCases.compactMap { type in type.torchName.map { ($0, type) } })
  private static let byTorchStorageName = Dictionary(
    uniqueKeysWithValues: allCases.compactMap { type in type.torchStorageName.map { ($0, type) } })

  package init?(torchName: String) {
    guard let type = DType.byTorchName[torchName] else { return nil }
    self = type
  }

  package init?(torchStorageName: String) {
    guard let type = DType.byTorchStorageName[torchStorageName] else { return nil }
    self = type
  }
}
