import MimoSystem

/// The files of a catalog, opened. New ones appear at full size, so that any part can be written at any time.
package enum ChunkFiles {
  /// Makes the files of a catalog below `folder`.
  package static func create(_ files: [StoredFile], in folder: String) throws(MimoError) -> [File] {
    var made: [File] = []
    made.reserveCapacity(files.count)
    for file in files { made.append(try File.create(FileSystem.join(folder, file.path), size: file.size, in: .shared)) }
    return made
  }

  /// Opens files that `create` made in a former run.
  ///
  /// - Parameter recorded: numbers of those that hold recorded work. Of the others a lost machine may not have kept the
  ///   size.
  package static func reopen(
    _ files: [StoredFile], in folder: String, recorded: Set<Int>
  ) throws(MimoError) -> [File] {
    var opened: [File] = []
    opened.reserveCapacity(files.count)
    for (index, stored) in files.enumerated() {
      let path = FileSystem.join(folder, stored.path)
      let info = try FileSystem.exists(path) ? FileSystem.info(at: path) : nil
      guard let info, info.kind == .regular, info.size == stored.size || !recorded.contains(index) else {
        throw MimoError(
          .invalidInput, "the unfinished run's file is missing or not as it was left", path: path,
          remedy: RunJournal.restart)
      }
      let file = try File.openForUpdating(path, in: .shared)
      if info.size != stored.size { try file.resize(to: stored.size) }
      opened.append(file)
    }
    return opened
  }

  /// Opens the files of a catalog that lie where their paths say.
  package static func open(_ files: [StoredFile]) throws(MimoError) -> [File] {
    var opened: [File] = []
    opened.reserveCapacity(files.count)
    for stored in files {
      let file = try File.openForTransfer(stored.path, in: .shared)
      let size = try file.size()
      guard size == stored.size else {
        throw MimoError(
          .invalidInput, "has \(size) bytes, but had \(stored.size) when it was looked at", path: stored.path,
          remedy: "Let nothing write to the source while it is converted")
      }
      opened.append(file)
    }
    return opened
  }
}
