import MimoSystem
import MimoTensor

/// The items of modules' `_extra_state` entries in a checkpoint without FP8.
package struct ExtraStateItems: Sendable {
  /// One empty byte tensor, which modules of Transformer Engine have.
  private let engine: [UInt8]
  /// Nothing, which megatron-core's own linear layers have. Source: `ColumnParallelLinear.get_extra_state`.
  private let core = TorchZipItem.object(.list([.none]))

  package init() throws(MimoError) {
    engine = TorchZipItem.object(.list([try .tensor(dtype: .u8, dims: [0], storage: 0)]), storages: [[]])
  }

  /// The item of an entry. The output layer is the one module that is megatron-core's own and has an entry: language
  /// models without it take their output layer's out of what they save.
  package subscript(key: String) -> [UInt8] { key.hasSuffix("output_layer._extra_state") ? core : engine }
}
