import MimoContainers
import MimoJSON
import MimoMapping
import MimoSystem

/// What stands beside the weights of a folder that is being made.
package enum OutputFolder {
  /// The index of a Hugging Face or prime folder, if it has one.
  package static func writeIndex(_ index: [UInt8]?, in folder: String) throws(MimoError) {
    guard let index else { return }
    try FileSystem.writeSmallFile(FileSystem.join(folder, HuggingFaceIndex.fileName), index)
  }

  /// Copies the files that are no weights; config.json as it is, or with what the layout changed.
  package static func writeCompanions(
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
  package static func prove(_ folder: String, tensors expected: Int) throws(MimoError) {
    let written = try HuggingFaceFolder.open(folder)
    guard written.tensors.count == expected else {
      throw MimoError(.internalError, "\(written.tensors.count) of \(expected) tensors read back", path: folder)
    }
  }

  /// Throws when `bytes` do not fit on the disk that `output` will be on.
  package static func checkSpace(_ bytes: UInt64, for output: String) throws(MimoError) {
    let parent = FileSystem.split(output).parent
    guard try FileSystem.isDirectory(parent) else { throw Publication.noParent(parent) }
    let free = try FileSystem.freeSpace(at: parent)
    guard bytes > free else { return }
    throw MimoError(
      .system, "\(bytes) bytes are needed, but only \(free) are free", path: parent,
      remedy: "Make room, or choose another place for OUT")
  }
}
