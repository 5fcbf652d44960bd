import MimoFormats
import MimoPlan
import MimoSystem

/// The form in which a checkpoint lies on disk.
package enum CheckpointFormat: String, Sendable, CaseIterable {
  /// A Hugging Face folder: config.json and safetensors files.
  case hf
  /// A safetensors file a rank, and layout.json.
  case ranks
  /// A PyTorch distributed checkpoint, as Megatron writes it.
  case dist

  /// What `path` is, by the files that only this format has.
  package static func recognise(_ path: String) throws(MimoError) -> CheckpointFormat {
    guard try FileSystem.exists(path) else {
      throw MimoError(.usage, "there is nothing at this path", path: path, remedy: "Name the folder of a checkpoint")
    }
    guard try FileSystem.isDirectory(path) else {
      throw MimoError(.usage, "is not a folder", path: path, remedy: "Name the folder of a checkpoint")
    }
    func has(_ name: String) throws(MimoError) -> Bool { try FileSystem.exists(FileSystem.join(path, name)) }
    if try has(LayoutFile.fileName), try has(RankInventory.fileName(ofRank: 0)) { return .ranks }
    if try has(".metadata") { return .dist }
    if try has("latest_checkpointed_iteration.txt") { return .dist }
    if try has("latest_train_state.pt") { return .dist }
    if try has("config.json") { return .hf }
    throw MimoError(
      .invalidInput, "is no checkpoint that is known: it has no config.json, .metadata, tracker file or layout.json",
      path: path, remedy: "Name the folder of a checkpoint, or say what it is with --from")
  }
}
