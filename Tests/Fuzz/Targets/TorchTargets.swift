import MimoContainers
import MimoJSON
import MimoSystem
import MimoTensor
import MimoVerify

extension FuzzTarget {
  /// `.metadata` of a distributed checkpoint: as a catalog, and as `inspect` shows it.
  package static let metadata = FuzzTarget(name: "metadata") { (bytes) throws(MimoError) in
    let shown = capture { () throws(MimoError) in try Inspection(metadata: bytes, path: ".metadata").json }
    if case .success(let json) = shown { _ = JSONWriter.write(json) }
    let catalog = try DistMetadataDecoder(bytes, path: ".metadata")
    for tensor in catalog.tensors { _ = rowMajorStrides(tensor.shape.dims) }
    _ = try shown.get()
  }

  /// Input that begins as a pickle does is put into an archive: no fuzzer guesses the CRC of a member.
  static func archive(_ bytes: [UInt8], storages: Int = 1) -> [UInt8] {
    guard bytes.first == 0x80 else { return bytes }
    let storage = [UInt8](repeating: 1, count: 24)
    return TorchZipItem.archive(pickle: bytes, storages: Array(repeating: storage, count: storages))
  }

  /// A tensor's elements must lie between the bytes of its file.
  static func checkInside(_ tensor: StoredTensor, from start: UInt64 = 0, size: UInt64) throws(MimoError) {
    let end = start + size
    guard tensor.offset >= start, tensor.offset <= end, tensor.available <= end - tensor.offset else {
      throw MimoError(.internalError, "the elements lie outside of the item")
    }
    let span = tensor.dims.contains(0) ? 0 : zip(tensor.dims, tensor.strides).reduce(1) { $0 + ($1.0 - 1) * $1.1 }
    guard UInt64(span * (tensor.dtype.byteWidth ?? 1)) <= tensor.available else {
      throw MimoError(.internalError, "the tensor reaches beyond its storage")
    }
  }

  /// An item of a `.distcp` file, in the middle of it.
  package static let item = FuzzTarget(name: "item") { (input) throws(MimoError) in
    let bytes = archive(input)
    let source = MemoryByteSource([9, 9, 9] + bytes + [9], path: "__0_0.distcp")
    let length = UInt64(bytes.count)
    _ = try? TorchZipReader.tensor(in: source, offset: 3, length: length, dtype: .f32, dims: [2, 3])
    let tensor = try TorchZipReader.tensor(in: source, offset: 3, length: length)
    try checkInside(tensor, from: 3, size: length)
  }

  /// `common.pt`, `train_state.pt` and what else torch.save wrote, as `inspect` shows it.
  package static let common = FuzzTarget(name: "common") { (bytes) throws(MimoError) in
    _ = JSONWriter.write(try Inspection(torch: MemoryByteSource(archive(bytes), path: "common.pt")).json)
  }
}
