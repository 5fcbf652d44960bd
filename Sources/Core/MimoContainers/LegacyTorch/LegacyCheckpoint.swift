import MimoSystem

/// A folder in Megatron's old format: `mp_rank_*/model_optim_rng.pt`, a torch.save file for each tensor, pipeline and
/// expert parallel rank.
package struct LegacyCheckpoint: Sendable {
  /// A file with the numbers of its folder: `mp_rank_01_002` has 1 and 2.
  package struct Part: Sendable {
    package var name: String
    package var numbers: [Int]
  }

  /// The iteration folder.
  package let path: String
  /// `mp_rank_00/model_optim_rng.pt`, ... in the order of their ranks.
  package let parts: [Part]
  /// Files beside them: `mp_rank_00/distrib_optim.pt`.
  package let others: [String]

  package static let modelFile = "model_optim_rng.pt"
  private static let rankFolder = "mp_rank_"

  /// The iteration folder at `path` or named by its tracker; nil when there is none.
  package static func find(at path: String) throws(MimoError) -> LegacyCheckpoint? {
    guard try FileSystem.isDirectory(path) else { return nil }
    if let found = try LegacyCheckpoint(path) { return found }
    guard let name = try DistCheckpointLocation.trackedFolder(FileSystem.join(path, DistCheckpointLocation.tracker)) else {
      return nil
    }
    let folder = FileSystem.join(path, name)
    guard try FileSystem.exists(folder), try FileSystem.isDirectory(folder) else { return nil }
    return try LegacyCheckpoint(folder)
  }

  private init?(_ path: String) throws(MimoError) {
    var parts: [Part] = []
    var others: [String] = []
    for folder in try FileSystem.list(path).sorted() where folder.hasPrefix(LegacyCheckpoint.rankFolder) {
      guard try FileSystem.isDirectory(FileSystem.join(path, folder)) else { continue }
      let numbers = folder.dropFirst(LegacyCheckpoint.rankFolder.count).split(separator: "_").map { Int($0) }
      for name in try FileSystem.list(FileSystem.join(path, folder)) where name.hasSuffix(".pt") {
        let relative = FileSystem.join(folder, name)
        guard name == LegacyCheckpoint.modelFile, (1...3).contains(numbers.count), !numbers.contains(nil) else {
          others.append(relative)
          continue
        }
        parts.append(Part(name: relative, numbers: numbers.compactMap { $0 }))
      }
    }
    guard !parts.isEmpty else { return nil }
    self.path = path
    self.parts = parts
    self.others = others
  }
}
