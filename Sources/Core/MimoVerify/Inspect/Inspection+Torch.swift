import MimoContainers
import MimoSystem
import MimoTensor

extension Inspection {
  init(distributed path: String) throws(MimoError) {
    let checkpoint = try DistCheckpoint.open(path)
    self.init(path: checkpoint.path, kind: "distributed checkpoint (\(checkpoint.kind == .torchDist ? "torch_dist" : "fsdp_dtensor or another plain DCP"))")
    if let provider = try Inspection.provider(in: checkpoint.path) { facts.append(("model provider", provider)) }
    files = checkpoint.files.map { File(path: $0.name, bytes: $0.size) }
    tensors = checkpoint.tensors.map { tensor in
      let holders = Set(tensor.chunks.map(\.file))
      return Tensor(
        name: tensor.key, dtype: tensor.dtype, shape: Array(tensor.shape.dims),
        bytes: tensor.dtype.byteCount(elements: tensor.shape.elementCount ?? 0) ?? 0,
        file: holders.count == 1 ? holders.first.map { checkpoint.files[$0].name } : nil, chunks: tensor.chunks.count)
    }
    objects = checkpoint.objects.map { Object(name: $0.key, bytes: Int(clamping: $0.length)) }
    switch capture({ () throws(MimoError) in try checkpoint.commonState() }) {
    case .success(let state?): objects.insert(Object(name: "common state", bytes: 0, value: PickleJSON.value(state)), at: 0)
    case .success(nil): if checkpoint.kind == .torchDist { notes.append("there is no common state") }
    case .failure(let error): notes.append("the common state can not be read: \(error.description)")
    }
  }

  /// The class that builds the model, from run_config.yaml: the first `_target_` below `model:`.
  private static func provider(in folder: String) throws(MimoError) -> String? {
    let path = FileSystem.join(folder, "run_config.yaml")
    guard try FileSystem.exists(path) else { return nil }
    let text = String(decoding: try FileSystem.readSmallFile(path, limit: 16 << 20), as: UTF8.self)
    var isInModel = false
    for line in text.split(separator: "\n") {
      if line.first != " " { isInModel = line == "model:" }
      let words = line.split(separator: " ", maxSplits: 1)
      if isInModel, words.first == "_target_:", words.count == 2, line.prefix(while: { $0 == " " }).count == 2 {
        return String(words[1])
      }
    }
    return nil
  }

  /// A `.metadata` alone: its pickle as data.
  init(metadata path: String) throws(MimoError) {
    try self.init(metadata: try FileSystem.readSmallFile(path, limit: 256 << 20), path: path)
  }

  package init(metadata bytes: [UInt8], path: String) throws(MimoError) {
    self.init(path: path, kind: ".metadata of a distributed checkpoint")
    let graph = try PickleReader.read(bytes, policy: .metadata, path: path)
    objects = [
      Object(name: ".metadata", bytes: bytes.count, value: PickleJSON.value(try graph.value(graph.root, path: path)))
    ]
  }

  /// A file that torch.save wrote.
  package init(torch source: some ByteSource) throws(MimoError) {
    self.init(path: source.path, kind: "torch.save file")
    try add(torch: source, named: nil)
  }

  /// Megatron's old format: a torch.save file a rank.
  init(legacy path: String) throws(MimoError) {
    guard let checkpoint = try LegacyCheckpoint.find(at: path) else {
      throw MimoError(.invalidInput, "holds no mp_rank_*/\(LegacyCheckpoint.modelFile)", path: path)
    }
    self.init(path: checkpoint.path, kind: "legacy torch checkpoint (mp_rank_*)")
    for name in checkpoint.parts.map(\.name) + checkpoint.others {
      try add(torch: PosixByteSource(path: FileSystem.join(checkpoint.path, name)), named: name)
    }
  }

  /// Longer names are no tensors' names; each tensor below one would repeat it.
  private static let longestName = 1000

  /// Tensors that are entries of dicts become tensors, all else one object.
  private mutating func add(torch source: some ByteSource, named name: String?) throws(MimoError) {
    let object = try TorchObject(file: source)
    files.append(File(path: name ?? FileSystem.split(source.path).name, bytes: source.size))
    collect(object.value, "", in: name)
    objects.append(
      Object(name: name ?? FileSystem.split(source.path).name, bytes: Int(clamping: source.size), value: PickleJSON.value(object.value)))
  }

  private mutating func collect(_ value: PickleValue, _ prefix: String, in file: String?) {
    if let tensor = PickleJSON.tensor(value) {
      let shape = Array(tensor.dims)
      let bytes = tensor.dtype.byteCount(elements: shape.reduce(1, &*)) ?? 0
      tensors.append(Tensor(name: prefix, dtype: tensor.dtype, shape: shape, bytes: bytes, file: file))
      return
    }
    let pairs: [PicklePair]
    switch value {
    case .dict(let own): pairs = own
    case .object(let object): pairs = object.dictItems
    default: return
    }
    for pair in pairs {
      guard let key = PickleJSON.key(pair.key) else { continue }
      let name = prefix.isEmpty ? key : "\(prefix).\(key)"
      if name.utf8.count <= Inspection.longestName { collect(pair.value, name, in: file) }
    }
  }
}
