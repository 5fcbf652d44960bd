import MimoContainers
import MimoSystem
import MimoTensor

/// Proves, before OUT appears, that no pickle that was made names anything that a loader could be made to run.
///
/// What is made is made of data alone; this reads it again from the files, so that a fault in that is a fault that is seen.
package enum MadePickles {
  /// All items of a checkpoint. Most of them are the same bytes but for their elements, which are looked at once.
  static func check(_ checkpoint: DistCheckpoint) throws(MimoError) {
    var seen: Set<[UInt8]> = []
    let items = items(of: checkpoint)
    for file in checkpoint.files.indices {
      let source = try checkpoint.source(file)
      for item in items[file] where seen.insert(try source.bytes(at: item.offset, count: item.looked)).inserted {
        try Interruption.check()
        try check(source, offset: item.offset, length: item.length, key: item.key)
      }
    }
  }

  /// A folder that becomes OUT: `.pt` files of ours are of data, and no other file is one that a pickle loader opens.
  package static func check(folder: String) throws(MimoError) {
    for name in try FileSystem.list(folder) {
      try Interruption.check()
      let path = FileSystem.join(folder, name)
      switch try FileSystem.info(at: path).kind {
      case .directory: try check(folder: path)
      case .regular: try check(file: name, at: path)
      case .symbolicLink, .other: continue
      }
    }
  }

  private static let ours: Set<String> = ["common.pt", "train_state.pt", "latest_train_state.pt"]

  private static func check(file name: String, at path: String) throws(MimoError) {
    // The items of these are looked at one by one.
    if name.hasSuffix(".distcp") || name == ".metadata" { return }
    if ours.contains(name) {
      let source = try PosixByteSource(path: path)
      return try check(source, offset: 0, length: source.size, key: nil)
    }
    guard let reason = try PickleLoadable.reason(name: name, at: path) else { return }
    throw MimoError(.internalError, "OUT would hold a file that may run code: \(reason)", path: path)
  }

  private static func check(
    _ source: PosixByteSource, offset: UInt64, length: UInt64, key: String?
  ) throws(MimoError) {
    do throws(MimoError) {
      try TorchZipReader.check(source, offset: offset, length: length, .made)
    } catch {
      guard error.code == .invalidInput || error.code == .unsupported else { throw error }
      let failure = MimoError(
        .internalError, "what was written is more than data: \(error.message)", path: source.path, byte: error.byte)
      throw key.map { failure.at(tensor: $0) } ?? failure
    }
  }

  /// An item, and how many of its first bytes tell it from others: all of an object's, of a tensor's those before its
  /// elements.
  private typealias Item = (key: String, offset: UInt64, length: UInt64, looked: Int)

  private static func items(of checkpoint: DistCheckpoint) -> [[Item]] {
    var items = [[Item]](repeating: [], count: checkpoint.files.count)
    for object in checkpoint.objects {
      items[object.file].append((object.key, object.offset, object.length, Int(object.length)))
    }
    for tensor in checkpoint.tensors {
      for chunk in tensor.chunks {
        let layout = try? TorchZipItem.tensor(dtype: tensor.dtype, dims: chunk.region.extent)
        let looked = layout.map(\.dataOffset) ?? chunk.length
        items[chunk.file].append((tensor.key, chunk.offset, chunk.length, Int(min(looked, chunk.length))))
      }
    }
    return items
  }
}
