import MimoContainers
import MimoSystem
import MimoTensor
import MimoTransfer

/// The safetensors files of a new folder, laid out: sizes, heads, and where each tensor begins.
struct WeightFiles {
  private(set) var files: [StoredFile] = []
  /// The bytes before the tensors of each file.
  private(set) var heads: [[UInt8]] = []
  private(set) var places: [String: WholeTensor] = [:]

  init(_ files: [SourceManifest.WeightFile]) throws(MimoError) {
    for (number, file) in files.enumerated() {
      let (header, bytes) =
        file.padding < 0
        ? try SafeTensorsHeader.lay(out: file.tensors, metadata: file.metadata, path: file.name) : try file.header()
      self.files.append(StoredFile(path: file.name, size: header.fileSize))
      heads.append(bytes)
      for entry in header.entries {
        places[entry.name] = WholeTensor(
          name: entry.name, dtype: entry.dtype, shape: entry.shape, file: number, offset: entry.range.lowerBound)
      }
    }
  }

  /// Tensors in their order over files of at most `shardBytes`, in the usual names.
  static func shards(_ tensors: [TensorSpec], shardBytes: Int) -> [SourceManifest.WeightFile] {
    var shards: [[TensorSpec]] = [[]]
    var used = 0
    for tensor in tensors {
      let bytes = tensor.byteCount ?? 0
      if used > 0, used + bytes > shardBytes {
        shards.append([])
        used = 0
      }
      shards[shards.count - 1].append(tensor)
      used += bytes
    }
    return shards.enumerated().map { number, tensors in
      SourceManifest.WeightFile(
        name: shardName(number, of: shards.count), tensors: TensorSpec.libraryOrder(tensors),
        metadata: [.init("format", "pt")], padding: -1)
    }
  }

  /// Source: transformers `save_pretrained`.
  private static func shardName(_ number: Int, of count: Int) -> String {
    guard count > 1 else { return "model.safetensors" }
    func padded(_ n: Int) -> String {
      let digits = String(n)
      return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
    return "model-\(padded(number + 1))-of-\(padded(count)).safetensors"
  }

  /// The index of these files; nil for a single file that needs none.
  ///
  /// - Parameter old: the index of the folder that these files are made after.
  static func index(of files: [SourceManifest.WeightFile], like old: SourceManifest.Index?) -> [UInt8]? {
    if old == nil, files.count == 1, files[0].name == "model.safetensors" { return nil }
    let new = HuggingFaceIndex(files: files.map { ($0.name, $0.tensors) })
    if case .common(_, _, let newline) = old { return new.encoded(newlineAtEnd: newline) }
    return new.encoded(newlineAtEnd: false)
  }
}
