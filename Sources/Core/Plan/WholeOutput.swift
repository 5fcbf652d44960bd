import MimoFormats
import MimoMapping
import MimoSystem
import MimoTensor

/// Where everything of a new Hugging Face folder will lie: files, heads, tensors and the index.
package struct WholeOutput: Sendable {
  /// A tied tensor that is written beside its original, from the original's bytes.
  package struct Copy: Sendable, Hashable {
    package var original: WholeTensor
    package var duplicate: WholeTensor
  }

  package let files: [StoredFile]
  /// The bytes before the tensors of each file.
  package let heads: [[UInt8]]
  /// Parallel to the description's sources.
  package let whole: [WholeTensor]
  package let copies: [Copy]
  /// nil for a single file without an index.
  package let index: [UInt8]?

  /// The files that a source had, byte for byte where all of its tensors are there again.
  ///
  /// - Parameters:
  ///   - manifest: the source's files; tensors that are neither sources nor ties are left out.
  ///   - dtype: the dtype to write a tensor in, given the source's.
  package init(
    restoring manifest: SourceManifest, for description: ModelDescription, dtype: (TensorSpec) -> DType
  ) throws(MimoError) {
    let declared = Set(description.sources.map(\.name))
    let leftOut = Set(manifest.leftOut)
    let kept = description.ties.filter { !leftOut.contains($0.duplicate) }
    let ties = Dictionary(kept.map { ($0.duplicate, $0.original) }, uniquingKeysWith: { first, _ in first })
    var isWhole = true
    var files: [SourceManifest.WeightFile] = []
    for var file in manifest.files {
      let kept = file.tensors.filter { declared.contains($0.name) || ties[$0.name] != nil }
      let written = kept.map { TensorSpec(name: $0.name, dtype: dtype($0), shape: $0.shape) }
      if written != file.tensors {
        isWhole = false
        file.tensors = TensorSpec.libraryOrder(written)
        file.foreignSpelling = nil
        file.padding = -1
      }
      if !file.tensors.isEmpty { files.append(file) }
    }
    let index = isWhole ? manifest.indexBytes() : WholeOutput.index(of: files, like: manifest.index)
    try self.init(files: files, index: index, description: description, ties: ties)
  }

  /// Files of at most `shardBytes` in the usual names, tensors in the order of the description.
  package init(
    _ description: ModelDescription, shardBytes: Int, dtype: (SourceDeclaration) -> DType
  ) throws(MimoError) {
    var shards: [[TensorSpec]] = [[]]
    var used = 0
    for source in description.sources {
      let spec = TensorSpec(name: source.name, dtype: dtype(source), shape: source.shape)
      let bytes = spec.byteCount ?? 0
      if used > 0, used + bytes > shardBytes {
        shards.append([])
        used = 0
      }
      shards[shards.count - 1].append(spec)
      used += bytes
    }
    let files = shards.enumerated().map { number, tensors in
      SourceManifest.WeightFile(
        name: WholeOutput.shardName(number, of: shards.count), tensors: TensorSpec.libraryOrder(tensors),
        metadata: [.init("format", "pt")], padding: -1)
    }
    let index = shards.count > 1 ? WholeOutput.index(of: files, like: nil) : nil
    try self.init(files: files, index: index, description: description, ties: [:])
  }

  private init(
    files: [SourceManifest.WeightFile], index: [UInt8]?, description: ModelDescription, ties: [String: String]
  ) throws(MimoError) {
    var stored: [StoredFile] = []
    var heads: [[UInt8]] = []
    var places: [String: WholeTensor] = [:]
    for (number, file) in files.enumerated() {
      let (header, bytes) =
        file.padding < 0
        ? try SafeTensorsHeader.lay(out: file.tensors, metadata: file.metadata, path: file.name) : try file.header()
      stored.append(StoredFile(path: file.name, size: header.fileSize))
      heads.append(bytes)
      for entry in header.entries {
        places[entry.name] = WholeTensor(
          name: entry.name, dtype: entry.dtype, shape: entry.shape, file: number, offset: entry.range.lowerBound)
      }
    }
    var whole: [WholeTensor] = []
    whole.reserveCapacity(description.sources.count)
    for source in description.sources {
      guard let place = places[source.name], place.shape == source.shape else {
        throw MimoError(
          .invalidInput, "the record of the source folder does not hold this tensor in shape \(source.shape)",
          tensor: source.name, remedy: "Use --hf-config with the config of the model that these weights are of")
      }
      whole.append(place)
    }
    self.files = stored
    self.heads = heads
    self.whole = whole
    self.index = index
    copies = ties.keys.sorted().compactMap { name in
      guard let duplicate = places[name], let original = ties[name].flatMap({ places[$0] }) else { return nil }
      return Copy(original: original, duplicate: duplicate)
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

  private static func index(of files: [SourceManifest.WeightFile], like old: SourceManifest.Index?) -> [UInt8]? {
    if old == nil, files.count == 1, files[0].name == "model.safetensors" { return nil }
    let new = HuggingFaceIndex(files: files.map { ($0.name, $0.tensors) })
    if case .common(_, _, let newline) = old { return new.encoded(newlineAtEnd: newline) }
    return new.encoded(newlineAtEnd: false)
  }
}
