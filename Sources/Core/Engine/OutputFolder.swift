import MimoPlan
import MimoSystem

/// A folder that is being made: its files appear at full size, so that any part can be written at any time.
enum OutputFolder {
  /// Makes the files of a catalog below `folder`.
  static func create(_ files: [StoredFile], in folder: String) throws(MimoError) -> [File] {
    var made: [File] = []
    made.reserveCapacity(files.count)
    for file in files { made.append(try File.create(FileSystem.join(folder, file.path), size: file.size)) }
    return made
  }

  /// Opens the files of a catalog that lie where their paths say.
  static func open(_ files: [StoredFile]) throws(MimoError) -> [File] {
    var opened: [File] = []
    opened.reserveCapacity(files.count)
    for stored in files {
      let file = try File.openForReading(stored.path)
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

  /// Throws when `bytes` do not fit on the disk that `output` will be on.
  static func checkSpace(_ bytes: UInt64, for output: String) throws(MimoError) {
    let parent = FileSystem.split(output).parent
    guard try FileSystem.isDirectory(parent) else { throw StagedDirectory.noParent(parent) }
    let free = try FileSystem.freeSpace(at: parent)
    guard bytes > free else { return }
    throw MimoError(
      .system, "\(bytes) bytes are needed, but only \(free) are free", path: parent,
      remedy: "Make room, or choose another place for OUT")
  }
}
