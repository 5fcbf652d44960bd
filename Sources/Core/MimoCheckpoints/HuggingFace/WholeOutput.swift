import MimoContainers
import MimoMapping
import MimoSystem
import MimoTensor
import MimoTransfer

/// Where everything of a new Hugging Face folder will lie: files, heads, tensors and the index.
package struct WholeOutput: Sendable {
  /// Largest safetensors file, where nothing else is known. Source: transformers 4 `save_pretrained`.
  package static let defaultShardBytes = 5_000_000_000

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
    let index = isWhole ? manifest.indexBytes() : WeightFiles.index(of: files, like: manifest.index)
    try self.init(files: files, index: index, description: description, ties: ties)
  }

  /// Files of at most `shardBytes` in the usual names, tensors in the order of the description.
  package init(
    _ description: ModelDescription, shardBytes: Int, dtype: (SourceDeclaration) -> DType
  ) throws(MimoError) {
    let specs = description.sources.map { TensorSpec(name: $0.name, dtype: dtype($0), shape: $0.shape) }
    let files = WeightFiles.shards(specs, shardBytes: shardBytes)
    let index = WeightFiles.index(of: files, like: nil)
    try self.init(files: files, index: index, description: description, ties: [:])
  }

  private init(
    files: [SourceManifest.WeightFile], index: [UInt8]?, description: ModelDescription, ties: [String: String]
  ) throws(MimoError) {
    let laid = try WeightFiles(files)
    var whole: [WholeTensor] = []
    whole.reserveCapacity(description.sources.count)
    for source in description.sources {
      guard let place = laid.places[source.name], place.shape == source.shape else {
        throw MimoError(
          .invalidInput, "the record of the source folder does not hold this tensor in shape \(source.shape)",
          tensor: source.name, remedy: "Use --hf-config with the config of the model that these weights are of")
      }
      whole.append(place)
    }
    self.files = laid.files
    heads = laid.heads
    self.whole = whole
    self.index = index
    copies = ties.keys.sorted().compactMap { name in
      guard let duplicate = laid.places[name], let original = ties[name].flatMap({ laid.places[$0] }) else { return nil }
      return Copy(original: original, duplicate: duplicate)
    }
  }
}
