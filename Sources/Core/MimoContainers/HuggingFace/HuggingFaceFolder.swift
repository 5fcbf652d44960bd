import MimoJSON
import MimoSystem
import MimoTensor

/// A Hugging Face checkpoint: config.json, safetensors files and what else lies in the folder.
package struct HuggingFaceFolder: Sendable {
  /// One safetensors file.
  package struct WeightFile: Sendable {
    package var name: String
    package var path: String
    package var size: UInt64
    package var header: SafeTensorsHeader
  }

  /// One tensor and where its bytes lie.
  package struct Tensor: Sendable {
    package var entry: SafeTensorsEntry
    /// Position in `files`.
    package var file: Int

    package var name: String { entry.name }
    package var dtype: DType { entry.dtype }
    package var shape: GlobalShape { entry.shape }
    /// Bytes of the file.
    package var range: Range<UInt64> { entry.range }
  }

  /// A file that holds no tensors of the model and travels along.
  package struct Companion: Sendable, Hashable {
    /// Path inside the folder.
    package var path: String
    package var size: UInt64

    package init(path: String, size: UInt64) {
      self.path = path
      self.size = size
    }
  }

  package let path: String
  package let config: JSONValue
  /// Sorted by name.
  package let files: [WeightFile]
  /// File by file, in the order of their bytes.
  package let tensors: [Tensor]
  /// nil for a single file without an index.
  package let index: HuggingFaceIndex?
  /// The bytes of the index file.
  package let indexText: [UInt8]?
  /// All other regular files, config.json among them, sorted by path; hidden ones excepted.
  package let companions: [Companion]
  /// What does not travel along: hidden entries, links to folders, special files.
  package let leftOut: [String]

  /// Weight files that no index names: a plugin says whether they are of the model.
  package let unnamed: Set<String>
  /// Those of them that are not.
  package let unused: [Companion]

  let positions: [String: Int]

  /// Position in `tensors`.
  package func position(of name: String) -> Int? { positions[name] }

  package func tensor(_ name: String) -> Tensor? { positions[name].map { tensors[$0] } }

  /// Sum of the bytes of all tensors.
  package var totalTensorBytes: UInt64 { tensors.reduce(0) { $0 + UInt64($1.range.count) } }

  /// Reads config, index and the heads of all weight files, and checks them against each other.
  ///
  /// - Parameter given: the config of a folder that need not have one of its own.
  package static func open(_ path: String, config given: JSONValue? = nil) throws(MimoError) -> HuggingFaceFolder {
    guard try FileSystem.isDirectory(path) else {
      throw MimoError(
        .invalidInput, "no such folder", path: path, remedy: "Name the folder of a Hugging Face checkpoint")
    }
    let config = if let given { given } else { try readConfig(path) }
    let listing = try FolderListing.read(path)
    let (index, text) = try readIndex(path, listing)
    let names = try weightFiles(path, listing, index)

    var files: [WeightFile] = []
    for name in names {
      let file = try File.openForReading(FileSystem.join(path, name))
      let header = try SafeTensorsHeader.parse(file)
      files.append(WeightFile(name: name, path: file.path, size: header.fileSize, header: header))
    }
    let (tensors, positions) = try inventory(files)
    let unnamed = unnamed(names, index)
    if let index {
      try check(index, path: FileSystem.join(path, HuggingFaceIndex.fileName), files, tensors, positions, except: unnamed)
    }

    let weights = Set(names)
    return HuggingFaceFolder(
      path: path, config: config, files: files, tensors: tensors, index: index, indexText: text,
      companions: listing.files.filter { !weights.contains($0.path) && $0.path != HuggingFaceIndex.fileName },
      leftOut: listing.leftOut, unnamed: unnamed, unused: [], positions: positions)
  }

  private static func readConfig(_ folder: String) throws(MimoError) -> JSONValue {
    let path = FileSystem.join(folder, "config.json")
    guard try FileSystem.exists(path) else {
      throw MimoError(
        .invalidInput, "folder has no config.json", path: folder, remedy: "Name the folder of a Hugging Face checkpoint"
      )
    }
    try SourceFolders.check(path, in: folder)
    let config = try JSONParser.parse(file: path, options: .nonFiniteNumbers)
    guard config.object != nil else {
      throw MimoError(.invalidInput, "config is \(config.kind), not an object", path: path)
    }
    return config
  }

  private static func readIndex(
    _ folder: String, _ listing: FolderListing
  ) throws(MimoError) -> (HuggingFaceIndex?, [UInt8]?) {
    guard listing.files.contains(where: { $0.path == HuggingFaceIndex.fileName }) else { return (nil, nil) }
    let path = FileSystem.join(folder, HuggingFaceIndex.fileName)
    let text = try FileSystem.readSmallFile(path, limit: 256 << 20)
    return (try HuggingFaceIndex.parse(text, path: path), text)
  }

  /// Names of the files that hold the model, sorted.
  private static func weightFiles(
    _ folder: String, _ listing: FolderListing, _ index: HuggingFaceIndex?
  ) throws(MimoError) -> [String] {
    let present = listing.files.map(\.path).filter {
      $0.hasSuffix(".safetensors") && !$0.utf8.contains(UInt8(ascii: "/"))
    }
    guard let index else { return try singleFile(folder, listing, present) }

    let all = Set(listing.files.map(\.path))
    var named = Set<String>()
    for entry in index.entries where named.insert(entry.file).inserted && !all.contains(entry.file) {
      throw MimoError(
        .invalidInput, "index names file \(entry.file), which is not there",
        path: FileSystem.join(folder, HuggingFaceIndex.fileName), tensor: entry.tensor, remedy: "Download that file too"
      )
    }
    guard !named.isEmpty else {
      throw MimoError(
        .invalidInput, "index names no tensors", path: FileSystem.join(folder, HuggingFaceIndex.fileName))
    }
    return named.union(present).sorted(by: bytewiseLess)
  }

  private static func singleFile(
    _ folder: String, _ listing: FolderListing, _ present: [String]
  ) throws(MimoError) -> [String] {
    if !present.isEmpty { return present }
    let isOldForm = { (path: String) in
      !path.utf8.contains(UInt8(ascii: "/")) && path.hasPrefix("pytorch_model") && path.hasSuffix(".bin")
    }
    if let old = listing.files.first(where: { isOldForm($0.path) }) {
      throw MimoError(
        .unsupported, "weights are in PyTorch pickle files (\(old.path)), which may run code when loaded", path: folder,
        remedy: "Convert them to safetensors first")
    }
    throw MimoError(
      .invalidInput, "folder has no safetensors file", path: folder,
      remedy: "Name the folder of a Hugging Face checkpoint with its weights")
  }

  /// A single file is the model; several without an index may be of something else.
  private static func unnamed(_ names: [String], _ index: HuggingFaceIndex?) -> Set<String> {
    guard let index else { return names.count > 1 ? Set(names) : [] }
    return Set(names).subtracting(index.entries.map(\.file))
  }

  /// The union of all heads; a tensor in two files is an error.
  static func inventory(_ files: [WeightFile]) throws(MimoError) -> ([Tensor], [String: Int]) {
    let count = files.reduce(0) { $0 + $1.header.entries.count }
    var tensors: [Tensor] = []
    tensors.reserveCapacity(count)
    var positions = [String: Int](minimumCapacity: count)
    for (number, file) in files.enumerated() {
      for entry in file.header.entries {
        if let first = positions.updateValue(tensors.count, forKey: entry.name) {
          throw MimoError(
            .invalidInput, "tensor is in \(files[tensors[first].file].name) too", path: file.path, tensor: entry.name,
            remedy: "Remove the file that does not belong to this model")
        }
        tensors.append(Tensor(entry: entry, file: number))
      }
    }
    return (tensors, positions)
  }

  /// Index and heads must name the same tensors in the same files. `total_size` is not compared: published files
  /// often have it wrong (it counts ties twice, or parameters of another dtype), and nothing depends on it.
  private static func check(
    _ index: HuggingFaceIndex, path: String, _ files: [WeightFile], _ tensors: [Tensor], _ positions: [String: Int],
    except unnamed: Set<String>
  ) throws(MimoError) {
    let remedy = "Index and files are not of one checkpoint: download both again"
    for entry in index.entries {
      guard let position = positions[entry.tensor] else {
        throw MimoError(
          .invalidInput, "index says that \(entry.file) holds it, but no file does", path: path, tensor: entry.tensor,
          remedy: remedy)
      }
      let actual = files[tensors[position].file].name
      guard actual == entry.file else {
        throw MimoError(
          .invalidInput, "index says that \(entry.file) holds it, but \(actual) does", path: path, tensor: entry.tensor,
          remedy: remedy)
      }
    }
    // Keys of the index are unique and all found above, so equal counts mean equal sets.
    guard index.entries.count != tensors.count else { return }
    let named = Set(index.entries.map(\.tensor))
    for tensor in tensors where !named.contains(tensor.name) && !unnamed.contains(files[tensor.file].name) {
      throw MimoError(
        .invalidInput, "tensor is not in the index", path: files[tensor.file].path, tensor: tensor.name, remedy: remedy)
    }
  }
}
