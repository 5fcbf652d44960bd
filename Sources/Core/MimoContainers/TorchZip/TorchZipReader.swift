import MimoSystem
import MimoTensor

/// Where a stored tensor's elements lie in a file.
package struct StoredTensor: Sendable, Hashable {
  package var dtype: DType
  package var dims: DimVector
  /// In elements; row-major for everything that torch's checkpoints write.
  package var strides: DimVector
  package var isContiguous: Bool
  /// Where the first element lies in the file.
  package var offset: UInt64
  /// Bytes from the first element to the end of its storage.
  package var available: UInt64
  /// Where the file has the CRC-32 of the whole storage (zip's, little endian; 0 means none); nil when the tensor is
  /// not the whole of its storage.
  package var crc32Position: UInt64?
}

/// Finds the elements of tensors in torch.save archives.
package enum TorchZipReader {
  /// The tensor of one item, which must have the type and shape that the checkpoint's metadata promises.
  ///
  /// An item as torch itself writes it is known by its first kilobyte, which is compared with what we would write; only
  /// other ones are taken apart.
  package static func tensor(
    in source: some ByteSource, offset: UInt64, length: UInt64, dtype: DType, dims: DimVector
  ) throws(MimoError) -> StoredTensor {
    if let usual = try usualTensor(in: source, offset: offset, length: length, dtype: dtype, dims: dims) {
      return usual
    }
    let tensor = try tensor(in: source, offset: offset, length: length)
    guard tensor.dtype == dtype else {
      throw MimoError(
        .invalidInput, "the metadata says \(dtype.rawValue), the item holds \(tensor.dtype.rawValue)",
        path: source.path,
        byte: offset)
    }
    guard tensor.dims == dims else {
      throw MimoError(
        .invalidInput, "the metadata says shape \(dims), the item holds \(tensor.dims)", path: source.path, byte: offset
      )
    }
    return tensor
  }

  /// The tensor of one item, whatever it is.
  package static func tensor(
    in source: some ByteSource, offset: UInt64 = 0, length: UInt64
  ) throws(MimoError) -> StoredTensor {
    let archive = try TorchZipArchive(source, offset: offset, length: length)
    let graph = try pickle(.tensorItem, of: archive, in: source)
    let value = try graph.value(graph.root, maximumValueCount: 1 << 10, path: source.path)
    try checkFormat(archive, in: source)
    return try locate(TorchTensorReference(value, path: source.path), archive, in: source)
  }

  private static func usualTensor(
    in source: some ByteSource, offset: UInt64, length: UInt64, dtype: DType, dims: DimVector
  ) throws(MimoError) -> StoredTensor? {
    guard offset <= source.size, length <= source.size - offset else { return nil }
    guard let layout = try? TensorItemLayout(dtype, dims), layout.length == length else { return nil }
    guard try source.bytes(at: offset, count: Int(layout.dataOffset)) == layout.prefix() else { return nil }
    return StoredTensor(
      dtype: dtype, dims: dims, strides: rowMajorStrides(dims), isContiguous: true,
      offset: offset + layout.dataOffset, available: layout.dataLength,
      crc32Position: layout.dataLength > 0 ? offset + layout.dataOffset + layout.dataLength + 4 : nil)
  }

  /// Throws when an archive's pickle is not one that a policy lets stand.
  package static func check(
    _ source: some ByteSource, offset: UInt64, length: UInt64, _ policy: PicklePolicy
  ) throws(MimoError) {
    _ = try pickle(policy, of: TorchZipArchive(source, offset: offset, length: length), in: source)
  }

  /// The pickle of an archive.
  static func pickle(
    _ policy: PicklePolicy, of archive: TorchZipArchive, in source: some ByteSource
  ) throws(MimoError) -> PickleGraph {
    let (start, _) = try archive.locate("data.pkl", in: source)
    let bytes = try archive.contents("data.pkl", in: source, limit: policy.maximumByteCount)
    return try PickleReader.read(bytes, policy: policy, path: source.path, origin: start)
  }

  /// Byte order and version of an archive.
  static func checkFormat(_ archive: TorchZipArchive, in source: some ByteSource) throws(MimoError) {
    let version = try archive.contents("version", in: source, limit: 16)
    guard let text = String(validating: version, as: UTF8.self), text.hasSuffix("\n"),
      let number = Int(text.dropLast()), (1...10).contains(number)
    else {
      throw MimoError(.unsupported, "the archive has an unknown version", path: source.path, byte: archive.offset)
    }
    guard archive.members["byteorder"] != nil else { return }
    guard try archive.contents("byteorder", in: source, limit: 16) == TorchZipItem.byteOrder else {
      throw MimoError(.unsupported, "the archive is not little endian", path: source.path, byte: archive.offset)
    }
  }

  /// Where the elements of a described tensor lie in the file.
  static func locate(
    _ tensor: TorchTensorReference, _ archive: TorchZipArchive, in source: some ByteSource
  ) throws(MimoError) -> StoredTensor {
    let (start, member) = try archive.locate("data/\(tensor.storageKey)", in: source)
    guard member.size == UInt64(tensor.storageLength), let width = tensor.dtype.byteWidth else {
      throw MimoError(
        .invalidInput, "data/\(tensor.storageKey) has \(member.size) bytes, its tensor needs \(tensor.storageLength)",
        path: source.path, byte: start)
    }
    // An empty tensor may begin anywhere.
    let skipped = tensor.dims.contains(0) ? 0 : UInt64(tensor.storageOffset) * UInt64(width)
    let isWhole = tensor.isContiguous && tensor.dims.reduce(width, *) == tensor.storageLength
    return StoredTensor(
      dtype: tensor.dtype, dims: tensor.dims, strides: tensor.strides, isContiguous: tensor.isContiguous,
      offset: start + skipped, available: member.size - skipped,
      crc32Position: isWhole && member.size > 0 ? member.crc32Position : nil)
  }
}

/// A Python object in a torch.save archive, with the storages that it refers to.
package struct TorchObject: Sendable {
  package let value: PickleValue
  package let archive: TorchZipArchive

  /// Reads the object at a range of a file; unknown classes stay names.
  package init(_ source: some ByteSource, offset: UInt64 = 0, length: UInt64) throws(MimoError) {
    let archive = try TorchZipArchive(source, offset: offset, length: length)
    let graph = try TorchZipReader.pickle(.object, of: archive, in: source)
    value = try graph.value(graph.root, path: source.path)
    try TorchZipReader.checkFormat(archive, in: source)
    self.archive = archive
  }

  /// A whole file of its own: `common.pt`, `train_state.pt`.
  package init(file source: some ByteSource) throws(MimoError) {
    try self.init(source, length: source.size)
  }

  /// The bytes of all storages, by number.
  package func storages(in source: some ByteSource) throws(MimoError) -> [[UInt8]] {
    var storages: [[UInt8]] = []
    while archive.members["data/\(storages.count)"] != nil {
      storages.append(try archive.contents("data/\(storages.count)", in: source, limit: 64 << 20))
    }
    return storages
  }

  /// Where the elements of a tensor inside of the value lie in the file.
  package func tensor(_ value: PickleValue, in source: some ByteSource) throws(MimoError) -> StoredTensor {
    try TorchZipReader.locate(TorchTensorReference(value, path: source.path), archive, in: source)
  }
}
