import MimoContainers
import MimoMapping
import MimoParallel
import MimoSystem
import MimoTensor
import MimoTransfer

/// A `ranks` folder held against what each rank of its layout must hold.
package struct RanksSource: Sendable {
  package let layout: ModelLayout
  package let catalog: StoredCatalog

  /// Throws for a file that is missing, a tensor that is missing, unknown or of another shape.
  package init(_ folder: String, layout: ModelLayout) throws(MimoError) {
    // The number of ranks is only believed where their files are there.
    let names = Set(try FileSystem.list(folder))
    for rank in 0..<layout.cluster.worldSize where !names.contains(RankInventory.fileName(ofRank: rank)) {
      _ = try PosixByteSource(path: FileSystem.join(folder, RankInventory.fileName(ofRank: rank)))
    }
    // Dtypes are those of the files; this one only fills the expected specs.
    let inventory = try RankInventory(layout, dtypes: layout.description.targets.map { $0.dtype ?? .bf16 })
    var files: [StoredFile] = []
    var headers: [[String: SafeTensorsEntry]] = []
    var dtypes = [DType?](repeating: nil, count: layout.description.targets.count)
    for (rank, expected) in inventory.ranks.enumerated() {
      let path = FileSystem.join(folder, RankInventory.fileName(ofRank: rank))
      let header = try SafeTensorsHeader.parse(PosixByteSource(path: path))
      let entries = Dictionary(header.entries.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
      try RanksSource.match(expected, entries, path: path)
      for held in expected {
        guard let found = entries[held.spec.name]?.dtype else { continue }
        guard dtypes[held.target] == nil || dtypes[held.target] == found else {
          throw MimoError(
            .invalidInput, "is \(found.rawValue) here, but has another dtype on another rank", path: path,
            tensor: held.spec.name)
        }
        dtypes[held.target] = found
      }
      files.append(StoredFile(path: path, size: header.fileSize))
      headers.append(entries)
    }
    self.layout = layout
    let actual = RankInventory(ranks: inventory.ranks.map { held in
      held.map { one in
        var copy = one
        copy.spec.dtype = dtypes[one.target] ?? one.spec.dtype
        return copy
      }
    })
    catalog = try actual.catalog(layout, files: files, dtypes: dtypes.map { $0 ?? .bf16 }) {
      (rank, tensor) throws(MimoError) in
      guard let entry = headers[rank][actual.ranks[rank][tensor].spec.name] else {
        throw MimoError(.internalError, "a matched tensor is gone", path: files[rank].path)
      }
      return (rank, entry.range.lowerBound)
    }
  }

  private static func match(
    _ expected: [RankInventory.Held], _ entries: [String: SafeTensorsEntry], path: String
  ) throws(MimoError) {
    for held in expected {
      guard let entry = entries[held.spec.name] else {
        throw MimoError(
          .invalidInput, "this rank of \(LayoutFile.fileName) needs the tensor, but the file does not hold it", path: path,
          tensor: held.spec.name, remedy: "Check that layout.json and config.json belong to these files")
      }
      guard entry.shape == held.spec.shape else {
        throw MimoError(
          .invalidInput, "shape is \(entry.shape), but \(LayoutFile.fileName) makes it \(held.spec.shape)", path: path,
          tensor: held.spec.name, remedy: "Check that layout.json and config.json belong to these files")
      }
    }
    guard entries.count > expected.count else { return }
    let known = Set(expected.map(\.spec.name))
    if let unknown = entries.keys.filter({ !known.contains($0) }).min() {
      throw MimoError(
        .invalidInput, "the model has no such tensor on this rank", path: path, tensor: unknown,
        remedy: "Check that layout.json and config.json belong to these files")
    }
  }
}
