import MimoSystem

extension HuggingFaceFolder {
  /// The folder without the files that neither an index names nor a plugin knows a tensor of.
  ///
  /// Throws for a file of which only a part is known.
  package func settled(_ isKnown: (String) -> Bool) throws(MimoError) -> HuggingFaceFolder {
    guard !unnamed.isEmpty else { return self }
    var kept: [WeightFile] = []
    var unused = unused
    for file in files {
      let unknown = unnamed.contains(file.name) ? file.header.entries.filter { !isKnown($0.name) } : []
      if unknown.isEmpty || unknown.count < file.header.entries.count {
        if let first = unknown.first { throw partlyKnown(file, first.name) }
        kept.append(file)
      } else {
        unused.append(Companion(path: file.name, size: file.size))
      }
    }
    guard kept.count < files.count else { return self }
    let (tensors, positions) = try HuggingFaceFolder.inventory(kept)
    return HuggingFaceFolder(
      path: path, config: config, files: kept, tensors: tensors, index: index, indexText: indexText,
      companions: companions, leftOut: leftOut, unnamed: unnamed.intersection(kept.map(\.name)), unused: unused,
      positions: positions)
  }

  private func partlyKnown(_ file: WeightFile, _ tensor: String) -> MimoError {
    let other = index == nil ? files.first { $0.name != file.name }?.name : HuggingFaceIndex.fileName
    return MimoError(
      .invalidInput, "the model of config.json has no such tensor, but others of this file, which "
        + "\(other.map { "stands beside \($0)" } ?? "no index names")", path: file.path, tensor: tensor,
      remedy: "Move the file elsewhere if it is not part of the model, else get the right index and config.json")
  }
}
