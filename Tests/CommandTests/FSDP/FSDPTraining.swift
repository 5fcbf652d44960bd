import Foundation
import MimoContainers
import MimoTensor
import Testing

/// A checkpoint of a training under Megatron-FSDP: weights, the moments of each parameter, groups by name, a scheduler.
struct FSDPTraining {
  static let kinds = ["exp_avg", "exp_avg_sq"]
  /// State that is not of its parameter's shape.
  static let misfits = ["w", "v"].map {
    "optimizer.state.module.module.module.language_model.decoder.layers.0.mlp.linear_fc1.weight_\($0).master_param"
  }
  static let random = "rng_state.(0, 0).random_rng_state"

  let path: String
  /// Bytes of the entries that are no parameter's.
  private(set) var small: [String: [UInt8]] = [:]

  /// Converts a fixture with `arguments`; the moments are the weights in F32.
  init(_ source: String, _ arguments: [String], in scratch: Scratch) throws {
    path = scratch("training")
    try Host.convert(["--plugin", "Qwen3VL"] + arguments + [source, path])
    try Host.convert(["--plugin", "Qwen3VL"] + arguments + ["--dtype", "float32", source, scratch("wide")])
    try addOptimizer(from: try DistCheckpoint.open(scratch("wide")))
    try FileManager.default.removeItem(atPath: scratch("wide"))
    try disown(path)
  }

  /// `model.module.x` -> `optimizer.state.module.module.module.x.exp_avg`.
  static func key(of parameter: String, _ kind: String, in dict: String = "state") -> String {
    "optimizer.\(dict).module.module.module.\(parameter.dropFirst("model.module.".count)).\(kind)"
  }

  /// The parameter that a key's tensor is, or is a part of.
  private static func parameter(of key: String) -> String {
    let isDeltaNet = key.contains(".in_proj.weight.") || key.contains(".conv1d.weight.")
    let parts = isDeltaNet ? ["query", "key", "value", "z", "beta", "alpha"].map { "." + $0 } : ["_w", "_v"]
    return parts.first(where: key.hasSuffix).map { String(key.dropLast($0.count)) } ?? key
  }

  /// The moments of a checkpoint of `wide` weights, in the boxes of `weights`.
  static func moments(_ wide: TensorFacts, cutAs weights: TensorFacts) -> TensorFacts {
    var facts: TensorFacts = [:]
    for (name, fact) in wide where fact.dtype != "object" {
      guard let boxes = weights[name]?.boxes else { continue }
      for kind in kinds {
        facts[key(of: name, kind)] = TensorFact(
          dtype: fact.dtype, shape: fact.shape, content: fact.content, boxes: boxes)
      }
    }
    return facts
  }

  private mutating func addOptimizer(from wide: DistCheckpoint) throws {
    let own = try DistCheckpoint.open(path)
    var (tensors, objects, files) = (own.tensors, own.objects, own.files.map(\.name))
    for kind in FSDPTraining.kinds {
      let first = files.count
      for file in wide.files {
        files.append("\(kind)\(file.name)")
        try FileManager.default.copyItem(atPath: "\(wide.path)/\(file.name)", toPath: "\(own.path)/\(kind)\(file.name)")
      }
      tensors += wide.tensors.map { tensor in
        let chunks = tensor.chunks.map {
          DistChunk(region: $0.region, file: $0.file + first, offset: $0.offset, length: $0.length)
        }
        return DistTensor(
          key: FSDPTraining.key(of: tensor.key, kind), dtype: tensor.dtype, shape: tensor.shape, chunks: chunks)
      }
    }
    var bytes: [UInt8] = []
    func place(_ item: [UInt8]) -> UInt64 {
      bytes += item
      return UInt64(bytes.count - item.count)
    }
    func addObject(_ key: String, _ value: PickleValue) -> [UInt8] {
      let item = TorchZipItem.object(value)
      objects.append(DistObject(key: key, file: files.count, offset: place(item), length: UInt64(item.count)))
      return item
    }
    for name in Set(own.tensors.map { FSDPTraining.parameter(of: $0.key) }).sorted() {
      let lr = FSDPTraining.key(of: name, "lr", in: "param_to_group_meta")
      small[lr] = addObject(lr, .float(Double(name.utf8.count)))
    }
    for key in ["opt_param_scheduler.num_steps", "num_floating_point_operations_so_far"] {
      small[key] = addObject(key, .int(88))
    }
    _ = addObject(FSDPTraining.random, .none)
    func addTensor(_ key: String, _ dims: DimVector) throws -> [UInt8] {
      let item = try FSDPTraining.tensor(dims)
      let chunk = DistChunk(
        region: Region(whole: GlobalShape(dims)), file: files.count, offset: place(item), length: UInt64(item.count))
      tensors.append(DistTensor(key: key, dtype: .f32, shape: GlobalShape(dims), chunks: [chunk]))
      return item
    }
    for tensor in own.tensors.prefix(3) {
      let step = FSDPTraining.key(of: tensor.key, "step")
      small[step] = try addTensor(step, [])
    }
    for key in FSDPTraining.misfits { _ = try addTensor(key, [3, 2]) }
    files.append("small.distcp")
    try Data(bytes).write(to: URL(filePath: "\(own.path)/small.distcp"))
    let metadata = try DistMetadataEncoder.encode(tensors: tensors, objects: objects, fileNames: files)
    try Data(metadata).write(to: URL(filePath: "\(own.path)/.metadata"))
  }

  /// A tensor of sevens as an item.
  private static func tensor(_ dims: DimVector) throws -> [UInt8] {
    let frame = try TorchZipItem.tensor(dtype: .f32, dims: dims)
    let seven = Float(7).bitPattern
    let data = (0..<Int(frame.dataLength)).map { UInt8(truncatingIfNeeded: seven >> UInt32(8 * ($0 % 4))) }
    var item: [UInt8] = []
    frame.appendPrefix(to: &item)
    let digest = TensorFact.Content.bytes(Data(data)).digest
    return item + data + frame.suffix(dataCRC32: digest)
  }
}

extension DistCheckpoint {
  /// The bytes of an entry that is one item.
  func item(_ key: String) throws -> [UInt8]? {
    if let object = self[object: key] {
      return try source(object.file).bytes(at: object.offset, count: Int(object.length))
    }
    guard let chunk = self[tensor: key]?.chunks.first else { return nil }
    return try source(chunk.file).bytes(at: chunk.offset, count: Int(chunk.length))
  }
}
