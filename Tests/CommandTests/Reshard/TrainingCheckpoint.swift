import Foundation
import MimoContainers
import MimoTensor
import Testing

/// A Megatron checkpoint in the midst of a training: weights, and the optimizer's state parameter by parameter.
struct TrainingCheckpoint {
  static let iteration = "iter_0000123"
  static let prefixes = ["optimizer.state.exp_avg.", "chained_1.optimizer.state.fp32_param."]

  let path: String
  let arguments: [String]

  /// Converts a fixture with `arguments`; what the optimizer holds are the weights in F32.
  init(_ source: String, _ arguments: [String], in scratch: Scratch, name: String = "training") throws {
    path = scratch(name)
    self.arguments = arguments
    try Host.convert(["--plugin", "Qwen3VL"] + arguments + [source, path])
    try Host.convert(["--plugin", "Qwen3VL"] + arguments + ["--dtype", "float32", source, scratch("wide")])
    try FileManager.default.moveItem(atPath: "\(path)/iter_0000000", toPath: "\(path)/\(TrainingCheckpoint.iteration)")
    for file in ["latest_train_state.pt", "\(TrainingCheckpoint.iteration)/train_state.pt"] {
      try FileManager.default.removeItem(atPath: "\(path)/\(file)")
    }
    try Data("123\n".utf8).write(to: URL(filePath: "\(path)/latest_checkpointed_iteration.txt"))
    try addOptimizer(from: scratch("wide"))
    try FileManager.default.removeItem(atPath: scratch("wide"))
    try writeCommonState()
  }

  /// The optimizer's tensors that a checkpoint of `wide` weights would be; `isChained`: under a chain's names.
  static func optimizer(of wide: String, isChained: Bool = true) throws -> TensorFacts {
    let facts = try TensorFact.distributed(wide).filter { $0.value.dtype != "object" }
    return prefixes.reduce(into: [:]) { all, prefix in
      let prefix = isChained ? prefix : prefix.replacing("chained_1.", with: "")
      for (key, fact) in facts { all[prefix + key] = fact }
    }
  }

  private func addOptimizer(from wide: String) throws {
    let other = try DistCheckpoint.open(wide)
    let folder = "\(path)/\(TrainingCheckpoint.iteration)"
    let random = TorchZipItem.object(.list([.none]))
    try Data(random).write(to: URL(filePath: "\(folder)/random.distcp"))
    try edit { tensors, objects, files in
      for (number, prefix) in TrainingCheckpoint.prefixes.enumerated() {
        let first = files.count
        let names = other.files.map { "optim\(number)\($0.name)" }
        for (file, name) in zip(other.files, names) {
          try FileManager.default.copyItem(atPath: "\(other.path)/\(file.name)", toPath: "\(folder)/\(name)")
        }
        files += names
        tensors += other.tensors.map { tensor in
          DistTensor(
            key: prefix + tensor.key, dtype: tensor.dtype, shape: tensor.shape,
            chunks: tensor.chunks.map {
              DistChunk(region: $0.region, file: $0.file + first, offset: $0.offset, length: $0.length)
            })
        }
      }
      objects.append(
        DistObject(key: "rng_state/shard_0.0_1.1", file: files.count, offset: 0, length: UInt64(random.count)))
      files.append("random.distcp")
    }
  }

  /// Writes `.metadata` anew.
  func edit(_ body: (inout [DistTensor], inout [DistObject], inout [String]) throws -> Void) throws {
    let checkpoint = try DistCheckpoint.open(path)
    var (tensors, objects, files) = (checkpoint.tensors, checkpoint.objects, checkpoint.files.map(\.name))
    try body(&tensors, &objects, &files)
    let bytes = try DistMetadataEncoder.encode(tensors: tensors, objects: objects, fileNames: files)
    try Data(bytes).write(to: URL(filePath: "\(checkpoint.path)/.metadata"))
  }

  private func writeCommonState() throws {
    let step = try PickleValue.tensor(dtype: .i64, dims: [], storage: 0)
    let common = PickleValue.record([
      "args": .object(
        PickleObject(
          .new, PickleGlobal("argparse", "Namespace"),
          state: .record([
            "num_layers": .int(8), "tensor_model_parallel_size": .int(1), "pipeline_model_parallel_size": .int(1),
          ]))),
      "checkpoint_version": .float(3), "iteration": .int(123), "num_floating_point_operations_so_far": .float(1e20),
      "optimizer": .record(["param_groups": .list([.record(["lr": .float(1e-4), "step": step])])]),
      "opt_param_scheduler": .record(["num_steps": .int(88)]),
      "content_metadata": .record([
        "distrib_optim_sharding_type": .string("fully_reshardable"), "singleton_local_shards": .bool(true),
        "non_homogeneous_layers": .bool(true),
      ]),
    ])
    let bytes = TorchZipItem.object(common, storages: [[7, 0, 0, 0, 0, 0, 0, 0]], root: "common")
    try Data(bytes).write(to: URL(filePath: "\(path)/\(TrainingCheckpoint.iteration)/common.pt"))
  }
}
