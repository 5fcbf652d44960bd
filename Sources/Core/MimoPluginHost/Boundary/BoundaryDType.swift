import MimoTensor
import PluginABI

/// Element types by their numbers in the contract.
enum BoundaryDType {
  private static let known: [(number: mimo_dtype, dtype: DType)] = [
    (MIMO_DTYPE_F32, .f32), (MIMO_DTYPE_F16, .f16), (MIMO_DTYPE_BF16, .bf16), (MIMO_DTYPE_U8, .u8),
    (MIMO_DTYPE_F8_E4M3, .f8e4m3),
  ]

  /// nil for a number that the contract does not have; `.some(nil)` for the model's own dtype.
  static func named(_ number: mimo_dtype) -> DType?? {
    if number == MIMO_DTYPE_MODEL { return .some(nil) }
    return known.first { $0.number == number }.map { .some($0.dtype) }
  }

  static func number(of dtype: DType?) -> UInt8 {
    UInt8(known.first { $0.dtype == dtype }?.number ?? MIMO_DTYPE_MODEL)
  }
}
