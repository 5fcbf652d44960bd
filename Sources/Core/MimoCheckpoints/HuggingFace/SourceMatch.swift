import MimoContainers
import MimoMapping
import MimoSystem
import MimoTensor
import MimoTransfer

/// A Hugging Face folder held against what the plugin declared: every tensor has its place, or is named as left out.
package struct SourceMatch: Sendable {
  /// A tensor of the folder that has no place in the layout.
  package struct Drop: Sendable, Hashable {
    package var name: String
    package var reason: String
    package var bytes: Int
    /// The user asked for another component alone.
    package var isOfOtherComponent: Bool

    package init(name: String, reason: String, bytes: Int, isOfOtherComponent: Bool = false) {
      self.name = name
      self.reason = reason
      self.bytes = bytes
      self.isOfOtherComponent = isOfOtherComponent
    }
  }

  /// A tensor that is stored beside the one that it is tied to.
  package struct Duplicate: Sendable, Hashable {
    package var name: String
    package var original: String
    /// Why it is left out when it differs; nil where it must not.
    package var dropReason: String?
  }

  /// Parallel to the description's sources.
  package let whole: [WholeTensor]
  package let drops: [Drop]
  package let duplicates: [Duplicate]

  /// Throws when a declared tensor is missing or has another shape, or when a tensor of the folder is unknown.
  ///
  /// - Parameter decoded: the dtype that codes and scales are decoded to.
  package init(_ description: ModelDescription, _ folder: HuggingFaceFolder, decoded: DType) throws(MimoError) {
    whole = try SourceMatch.declared(description, folder, decoded: decoded)
    let duplicates = SourceMatch.duplicates(description, folder)
    let tied = Set(duplicates.map(\.name))
    var known = Set<String>(minimumCapacity: description.sources.count)
    for source in description.sources { known.formUnion(source.storedNames) }
    var drops: [Drop] = []
    var unknown: [String] = []
    for tensor in folder.tensors where !known.contains(tensor.name) && !tied.contains(tensor.name) {
      if let rule = description.drops.first(where: { Pattern.matches($0.pattern, tensor.name) }) {
        drops.append(Drop(name: tensor.name, reason: rule.reason, bytes: tensor.range.count))
      } else if description.otherSources.contains(tensor.name) {
        drops.append(
          Drop(
            name: tensor.name, reason: "belongs to another component", bytes: tensor.range.count,
            isOfOtherComponent: true))
      } else {
        unknown.append(tensor.name)
      }
    }
    guard let first = unknown.first else {
      self.drops = drops
      self.duplicates = duplicates
      return
    }
    let more = unknown.count > 1 ? " (and \(unknown.count - 1) more that are unknown)" : ""
    throw MimoError(
      .invalidInput, "the model of config.json has no such tensor\(more)",
      path: folder.tensor(first).map { folder.files[$0.file].path }, tensor: first,
      remedy: "Nothing is dropped without being told: check that config.json and weights belong together, or update the plugin")
  }

  /// The folder without files of other models: those that neither an index names nor the description knows a tensor of.
  package static func settled(
    _ folder: HuggingFaceFolder, _ description: ModelDescription
  ) throws(MimoError) -> HuggingFaceFolder {
    guard !folder.unnamed.isEmpty else { return folder }
    var known = Set(description.sources.flatMap(\.storedNames))
    known.formUnion(description.ties.map(\.duplicate))
    known.formUnion(description.otherSources)
    return try folder.settled { name in
      known.contains(name) || description.drops.contains { Pattern.matches($0.pattern, name) }
    }
  }

  /// The tied tensors that the folder holds beside the ones that they are tied to.
  package static func duplicates(_ description: ModelDescription, _ folder: HuggingFaceFolder) -> [Duplicate] {
    description.ties.compactMap { tie in
      guard folder.tensor(tie.duplicate) != nil else { return nil }
      let rule = description.drops.first { Pattern.matches($0.pattern, tie.duplicate) }
      return Duplicate(name: tie.duplicate, original: tie.original, dropReason: rule?.reason)
    }
  }

  /// The tensors as they are published, without a folder that holds them.
  package init(published description: ModelDescription, dtype: DType) {
    whole = description.sources.map {
      WholeTensor(name: $0.name, dtype: $0.published ?? dtype, shape: $0.shape, file: 0, offset: 0)
    }
    drops = []
    duplicates = []
  }

  private static func declared(
    _ description: ModelDescription, _ folder: HuggingFaceFolder, decoded: DType
  ) throws(MimoError) -> [WholeTensor] {
    var whole: [WholeTensor] = []
    whole.reserveCapacity(description.sources.count)
    var missing: [String] = []
    for source in description.sources {
      if let encoding = source.encoding {
        let tensor = try EncodedMatch(encoding, source, folder).tensor(decoded: decoded)
        if let tensor { whole.append(tensor) } else { missing.append(encoding.codes) }
      } else if let tensor = folder.tensor(source.name) {
        whole.append(try plain(tensor, source, folder))
      } else {
        missing.append(source.name)
      }
    }
    guard let first = missing.first else { return whole }
    let more = missing.count > 1 ? " (and \(missing.count - 1) more are missing)" : ""
    throw MimoError(
      .invalidInput, "the model of config.json needs this tensor, but the checkpoint does not hold it\(more)",
      path: folder.path, tensor: first, remedy: "Check that all files were downloaded and belong to this config.json")
  }

  private static func plain(
    _ tensor: HuggingFaceFolder.Tensor, _ source: SourceDeclaration, _ folder: HuggingFaceFolder
  ) throws(MimoError) -> WholeTensor {
    let path = folder.files[tensor.file].path
    guard tensor.shape == source.shape else {
      throw MimoError(
        .invalidInput, "shape is \(tensor.shape), but config.json makes it \(source.shape)", path: path,
        tensor: source.name, remedy: "Check that config.json and weights belong together")
    }
    guard !tensor.dtype.isCode || tensor.dtype == source.published else {
      let scales = "\(source.name)_scale_inv"
      let why =
        folder.tensor(scales) == nil
        ? "the checkpoint has no \(scales)" : "quantization_config of config.json does not tell of \(scales)"
      throw MimoError(
        .invalidInput,
        "holds \(tensor.dtype.rawValue) codes, which are no weights without their scales; \(why)", path: path,
        tensor: source.name,
        remedy: "Get files and config.json of one checkpoint, or convert the weights that were not quantised")
    }
    return WholeTensor(
      name: source.name, dtype: tensor.dtype, shape: tensor.shape, file: tensor.file, offset: tensor.range.lowerBound)
  }
}
