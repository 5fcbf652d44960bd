import MimoContainers
import MimoJSON
import MimoMapping
import MimoPlan
import MimoSystem

/// A folder that is being made: its files appear at full size, so that any part can be written at any time.
package enum OutputFolder {
  /// Makes the files of a catalog below `folder`.
  static func create(_ files: [StoredFile], in folder: String) throws(MimoError) -> [File] {
    var made: [File] = []
    made.reserveCapacity(files.count)
    for file in files { made.append(try File.create(FileSystem.join(folder, file.path), size: file.size, in: .shared)) }
    return made
  }

  /// Opens files that `create` made in a former run.
  ///
  /// - Parameter recorded: numbers of those that hold recorded work. Of the others a lost machine may not have kept the
  ///   size.
  static func reopen(
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
  static func open(_ files: [StoredFile]) throws(MimoError) -> [File] {
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

  /// The index of a Hugging Face or prime folder, if it has one.
  static func writeIndex(_ index: [UInt8]?, in folder: String) throws(MimoError) {
    guard let index else { return }
    try FileSystem.writeSmallFile(FileSystem.join(folder, HuggingFaceIndex.fileName), index)
  }

  /// Copies the files that are no weights; config.json as it is, or with what the layout changed.
  static func writeCompanions(
    _ travelling: TravellingFiles, config: ModelConfig, _ overrides: [ConfigOverride], in folder: String
  ) throws(MimoError) {
    let names = travelling.names
    let changed = config.applying(overrides)
    guard changed != config.json else { return try TravellingRecord.copy(names, from: travelling.folder, to: folder) }
    try TravellingRecord.copy(names.filter { $0 != "config.json" }, from: travelling.folder, to: folder)
    let text = JSONWriter.write(changed, .indented(2)) + [UInt8(ascii: "\n")]
    try FileSystem.writeSmallFile(FileSystem.join(folder, "config.json"), text)
  }

  /// Reads back what was written: heads, index and inventory.
  static func prove(_ folder: String, tensors expected: Int) throws(MimoError) {
    let written = try HuggingFaceFolder.open(folder)
    guard written.tensors.count == expected else {
      throw MimoError(.internalError, "\(written.tensors.count) of \(expected) tensors read back", path: folder)
    }
  }

  /// Throws when `bytes` do not fit on the disk that `output` will be on.
  static func checkSpace(_ bytes: UInt64, for output: String) throws(MimoError) {
    let parent = FileSystem.split(output).parent
    guard try FileSystem.isDirectory(parent) else { throw Publication.noParent(parent) }
    let free = try FileSystem.freeSpace(at: parent)
    guard bytes > free else { return }
    throw MimoError(
      .system, "\(bytes) bytes are needed, but only \(free) are free", path: parent,
      remedy: "Make room, or choose another place for OUT")
  }
}
