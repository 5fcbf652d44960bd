import MimoFormats
import MimoSystem
import MimoTensor

/// The `_extra_state` entries of Transformer Engine modules without FP8.
enum ExtraState {
  /// A list with one empty uint8 tensor, as Transformer Engine writes it.
  static func emptyItem() throws(MimoError) -> [UInt8] {
    TorchZipItem.object(.list([try .tensor(dtype: .u8, dims: [0], storage: 0)]), storages: [[]])
  }
}
