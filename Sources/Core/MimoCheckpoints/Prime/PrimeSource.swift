import MimoContainers
import MimoMapping
import MimoSystem
import MimoTensor
import MimoTransfer

/// A folder in prime-rl's layout held against what the plugin declared of it.
package struct PrimeSource: Sendable {
  package let catalog: StoredCatalog
  /// Buffers that only a running trainer needs.
  package let leftBehind: [String]
  /// Tensors that are stored beside the one that they are tied to.
  package let duplicates: [SourceMatch.Duplicate]

  /// Throws for a tensor that is missing, unknown or of another shape.
  package init(_ folder: HuggingFaceFolder, description: ModelDescription) throws(MimoError) {
    var places = [String: WholeTensor](minimumCapacity: description.targets.count)
    for target in description.targets {
      let place = try PrimeSource.place(of: target, in: folder)
      places[place.name] = place
    }
    var leftBehind: [String] = []
    var duplicates: [SourceMatch.Duplicate] = []
    for tensor in folder.tensors where places[tensor.name] == nil {
      if let original = PrimeSource.original(of: tensor.name, in: description) {
        let rule = description.drops.first { Pattern.matches($0.pattern, tensor.name) }
        duplicates.append(SourceMatch.Duplicate(name: tensor.name, original: original, dropReason: rule?.reason))
      } else if description.drops.contains(where: { Pattern.matches($0.pattern, tensor.name) }) {
        leftBehind.append(tensor.name)
      } else {
        throw MimoError(
          .invalidInput, "the model of config.json has no such tensor in layout prime",
          path: folder.files[tensor.file].path, tensor: tensor.name,
          remedy: "Nothing is dropped without being told: check that config.json and weights belong together")
      }
    }
    self.leftBehind = leftBehind
    self.duplicates = duplicates
    catalog = try StoredCatalog(
      whole: description.targets.map(\.globalName), of: places,
      files: folder.files.map { StoredFile(path: $0.path, size: $0.size) })
  }

  private static func place(
    of target: TargetDeclaration, in folder: HuggingFaceFolder
  ) throws(MimoError) -> WholeTensor {
    guard let tensor = folder.tensor(target.globalName) else {
      throw MimoError(
        .invalidInput, "the model needs this tensor, but the folder does not hold it", path: folder.path,
        tensor: target.globalName, remedy: "Check that the folder is whole and belongs to this config.json")
    }
    guard tensor.shape == target.shape else {
      throw MimoError(
        .invalidInput, "shape is \(tensor.shape), but config.json makes it \(target.shape)",
        path: folder.files[tensor.file].path, tensor: target.globalName,
        remedy: "Check that config.json and weights belong together")
    }
    return WholeTensor(
      name: tensor.name, dtype: tensor.dtype, shape: tensor.shape, file: tensor.file, offset: tensor.range.lowerBound)
  }

  /// The target that a tied tensor repeats: prime-rl keeps such a tensor under its name, the original maybe not.
  private static func original(of name: String, in description: ModelDescription) -> String? {
    guard let tie = description.ties.first(where: { $0.duplicate == name }),
      let source = description.sources.firstIndex(where: { $0.name == tie.original })
    else { return nil }
    return description.targets.first { $0.fragments.contains { $0.source == source } }?.globalName
  }
}

extension HuggingFaceFolder {
  /// Whether the tensors have the names of `description`'s targets rather than those of its sources.
  ///
  /// Names that both sides have tell nothing; where all are such, both layouts are the same.
  package func holdsTargets(of description: ModelDescription) -> Bool {
    let sources = Set(description.sources.map(\.name))
    let targets = Set(description.targets.map(\.globalName))
    var (ofSources, ofTargets) = (0, 0)
    for tensor in tensors {
      if !targets.contains(tensor.name), sources.contains(tensor.name) { ofSources += 1 }
      if !sources.contains(tensor.name), targets.contains(tensor.name) { ofTargets += 1 }
    }
    return ofTargets >= ofSources
  }
}
