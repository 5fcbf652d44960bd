import MimoSystem
import MimoTensor

/// The small files and objects that stand beside the tensors of a Megatron checkpoint.
package enum DistCheckpointCompanions {
  /// `metadata.json`: these two keys are what every megatron-core from 0.14 on takes.
  package static let metadataJSON = Array(#"{"sharded_backend": "torch_dist", "sharded_backend_version": 1}"#.utf8)

  /// `latest_checkpointed_iteration.txt`; nil is a release.
  package static func tracker(iteration: Int?) -> [UInt8] { Array((iteration.map(String.init) ?? "release").utf8) }

  /// The folder that the tracker means.
  package static func folderName(iteration: Int?) -> String {
    guard let iteration else { return "release" }
    let digits = String(iteration)
    return "iter_" + String(repeating: "0", count: max(0, 7 - digits.count)) + digits
  }

  /// megatron-core's common state for weights alone; `content_metadata` steers which keys its loaders ask for.
  package static func commonState(
    iteration: Int = 0, contentMetadata: [(String, PickleValue)] = defaultContentMetadata
  ) -> PickleValue {
    .record([
      "checkpoint_version": .float(3), "iteration": .int(Int64(iteration)),
      "content_metadata": .dict(contentMetadata.map { PicklePair(.string($0.0), $0.1) }),
    ])
  }

  package static let defaultContentMetadata: [(String, PickleValue)] = [
    ("singleton_local_shards", .bool(false)), ("chained_optim_avoid_prefix", .bool(true)),
  ]

  /// `common.pt`, which every megatron-core reads where it is present.
  package static func commonFile(_ commonState: PickleValue) -> [UInt8] {
    TorchZipItem.object(commonState, root: "common")
  }

  /// Item `common_state/shard_0_1`, where megatron-core from 0.19 on has the common state.
  package static func commonItem(_ commonState: PickleValue) -> [UInt8] { TorchZipItem.object(.list([commonState])) }

  /// `train_state.pt` of Megatron-Bridge: eight scalars.
  package static func trainState(step: Int = 0) throws(MimoError) -> [UInt8] {
    let scalars: [(name: String, dtype: DType, value: Int)] = [
      ("step", .i64, step), ("consumed_train_samples", .i64, 0), ("skipped_train_samples", .i64, 0),
      ("consumed_valid_samples", .i64, 0), ("floating_point_operations_so_far", .f32, 0), ("do_train", .bool, 0),
      ("do_valid", .bool, 0), ("do_test", .bool, 0),
    ]
    var pairs: [PicklePair] = []
    var storages: [[UInt8]] = []
    for (number, scalar) in scalars.enumerated() {
      let tensor = try PickleValue.tensor(dtype: scalar.dtype, dims: [], storage: number)
      pairs.append(PicklePair(.string(scalar.name), tensor))
      let bits = UInt64(truncatingIfNeeded: scalar.value)
      storages.append((0..<scalar.dtype.bitWidth / 8).map { UInt8(truncatingIfNeeded: bits >> (8 * UInt64($0))) })
    }
    return TorchZipItem.object(.dict(pairs), storages: storages, root: "train_state")
  }
}
