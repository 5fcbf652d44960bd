import MimoSystem
import MimoTensor

/// One stored box of a tensor: an item of a `.distcp` file.
package struct DistChunk: Sendable, Hashable {
  package var region: Region
  /// Index into the checkpoint's files.
  package var file: Int
  /// Where the item begins in the file.
  package var offset: UInt64
  /// Bytes of the item.
  package var length: UInt64

  package init(region: Region, file: Int, offset: UInt64, length: UInt64) {
    self.region = region
    self.file = file
    self.offset = offset
    self.length = length
  }
}

/// One global tensor of a distributed checkpoint.
package struct DistTensor: Sendable {
  package var key: String
  package var dtype: DType
  package var shape: GlobalShape
  package var chunks: [DistChunk]

  package init(key: String, dtype: DType, shape: GlobalShape, chunks: [DistChunk]) {
    self.key = key
    self.dtype = dtype
    self.shape = shape
    self.chunks = chunks
  }
}

/// One pickled object of a distributed checkpoint.
package struct DistObject: Sendable, Hashable {
  package var key: String
  package var file: Int
  package var offset: UInt64
  package var length: UInt64

  package init(key: String, file: Int, offset: UInt64, length: UInt64) {
    self.key = key
    self.file = file
    self.offset = offset
    self.length = length
  }
}

/// One `.distcp` file.
package struct DistFile: Sendable, Hashable {
  package var name: String
  package var size: UInt64
}

/// A PyTorch distributed checkpoint on disk: what it holds, and where. No tensor data is read.
///
/// Opening proves that the chunks of each tensor tile it and that every item lies in its file.
package struct DistCheckpoint: Sendable {
  /// Who made the folder.
  package enum Kind: Sendable {
    /// megatron-core: `metadata.json` names `torch_dist`.
    case torchDist
    /// `.metadata` alone: plain DCP, as Megatron-FSDP's `fsdp_dtensor`.
    case plain
  }

  /// The iteration folder.
  package let path: String
  package let kind: Kind
  package let files: [DistFile]
  /// In the order of `.metadata`.
  package let tensors: [DistTensor]
  package let objects: [DistObject]
  private let tensorIndex: [String: Int]
  private let objectIndex: [String: Int]

  /// Opens an iteration folder, or a root with a tracker file that names one.
  package static func open(_ path: String) throws(MimoError) -> DistCheckpoint {
    try DistCheckpoint(iterationFolder: try DistCheckpointLocation.iterationFolder(of: path))
  }

  /// The iteration folder that `open` would open; nil where there is neither .metadata nor a tracker file.
  package static func folder(at path: String) throws(MimoError) -> String? {
    for name in [".metadata", DistCheckpointLocation.tracker, DistCheckpointLocation.trainStateTracker] {
      guard try FileSystem.exists(FileSystem.join(path, name)) else { continue }
      if name != ".metadata", try LegacyCheckpoint.find(at: path) != nil { return nil }
      return try DistCheckpointLocation.iterationFolder(of: path)
    }
    return nil
  }

  /// Who made the checkpoint at `path`, without a look at what it holds.
  package static func kind(at path: String) throws(MimoError) -> Kind {
    try DistCheckpointLocation.kind(of: try DistCheckpointLocation.iterationFolder(of: path))
  }

  /// Bytes of values and entries that a byte of `.metadata` becomes at most.
  private static let bytesOfEntries = 12

  package init(iterationFolder path: String) throws(MimoError) {
    let metadata = try PosixByteSource(path: FileSystem.join(path, ".metadata"))
    guard metadata.size <= UInt64(PicklePolicy.metadata.maximumByteCount) else {
      throw MimoError(.unsupported, "the file of \(metadata.size) bytes is too large", path: metadata.path)
    }
    try InputMemory.check(metadata.size, times: DistCheckpoint.bytesOfEntries, path: metadata.path)
    let bytes = try metadata.bytes(at: 0, count: Int(metadata.size))
    let decoder = try DistMetadataDecoder(bytes, path: metadata.path)

    self.path = path
    kind = try DistCheckpointLocation.kind(of: path)
    files = try decoder.fileNames.map { name throws(MimoError) in
      DistFile(name: name, size: try PosixByteSource(path: FileSystem.join(path, name)).size)
    }
    tensors = decoder.tensors
    objects = decoder.objects
    tensorIndex = decoder.tensorIndex
    objectIndex = Dictionary(uniqueKeysWithValues: decoder.objects.enumerated().map { ($1.key, $0) })
    try checkRanges()
  }

  /// Items lie in their file, and together are no longer than it: reading each once costs no more than reading the file.
  private func checkRanges() throws(MimoError) {
    var room = files.map(\.size)
    func check(_ key: String, _ file: Int, _ offset: UInt64, _ length: UInt64) throws(MimoError) {
      let size = files[file].size
      guard offset <= size, length <= size - offset else {
        throw MimoError(
          .invalidInput, "the item of \(length) bytes reaches beyond the file's \(size)",
          path: FileSystem.join(path, files[file].name), tensor: key, byte: offset,
          remedy: "The file is cut short; copy it again")
      }
      guard length <= room[file] else {
        throw MimoError(
          .invalidInput, "the items of the file overlap: with this one they are longer than its \(size) bytes",
          path: FileSystem.join(path, files[file].name), tensor: key, byte: offset,
          remedy: "The checkpoint's .metadata is damaged; copy it again")
      }
      room[file] -= length
    }
    for tensor in tensors {
      for chunk in tensor.chunks { try check(tensor.key, chunk.file, chunk.offset, chunk.length) }
    }
    for object in objects { try check(object.key, object.file, object.offset, object.length) }
  }

  package subscript(tensor key: String) -> DistTensor? { tensorIndex[key].map { tensors[$0] } }
  package subscript(object key: String) -> DistObject? { objectIndex[key].map { objects[$0] } }

  /// Opens one of `files`.
  package func source(_ file: Int) throws(MimoError) -> PosixByteSource {
    try PosixByteSource(path: FileSystem.join(path, files[file].name))
  }

  /// Where the elements of a chunk lie in its file, after a look at the item; `source` is that file, opened.
  package func payload(
    of chunk: DistChunk, of tensor: DistTensor, in source: some ByteSource
  ) throws(MimoError) -> StoredTensor {
    do throws(MimoError) {
      return try TorchZipReader.tensor(
        in: source, offset: chunk.offset, length: chunk.length, dtype: tensor.dtype, dims: chunk.region.extent)
    } catch { throw error.at(tensor: tensor.key) }
  }

  /// The Python object of an entry.
  package func read(_ object: DistObject) throws(MimoError) -> TorchObject {
    do throws(MimoError) {
      return try TorchObject(try source(object.file), offset: object.offset, length: object.length)
    } catch { throw error.at(tensor: object.key) }
  }

  /// The dict of megatron-core's common state: `common.pt` where there is one, else the item; nil when neither is there.
  package func commonState() throws(MimoError) -> PickleValue? {
    let file = FileSystem.join(path, "common.pt")
    if try FileSystem.exists(file) { return try TorchObject(file: try PosixByteSource(path: file)).value }
    guard let item = self[object: DistCheckpoint.commonStateKey] else { return nil }
    guard case .list(let values) = try read(item).value, values.count == 1 else {
      throw MimoError(.invalidInput, "a list of one dict is expected", path: path, tensor: item.key)
    }
    return values[0]
  }

  /// The common state and the storages of the tensors in it, so that it can be written again.
  package func commonStateWithStorages() throws(MimoError) -> (value: PickleValue, storages: [[UInt8]])? {
    guard let value = try commonState() else { return nil }
    let file = FileSystem.join(path, "common.pt")
    if try FileSystem.exists(file) {
      let source = try PosixByteSource(path: file)
      return (value, try TorchObject(file: source).storages(in: source))
    }
    guard let item = self[object: DistCheckpoint.commonStateKey] else { return (value, []) }
    return (value, try read(item).storages(in: try source(item.file)))
  }

  package static let commonStateKey = "common_state/shard_0_1"
}
