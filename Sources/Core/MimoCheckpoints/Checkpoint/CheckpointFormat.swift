import MimoContainers
import MimoPluginHost
import MimoSystem

/// The form in which a checkpoint lies on disk.
package enum CheckpointFormat: String, Sendable, CaseIterable {
  /// A Hugging Face folder: config.json and safetensors files.
  case hf
  /// A safetensors file a rank, and layout.json.
  case ranks
  /// A PyTorch distributed checkpoint, as megatron-core writes it (`torch_dist`).
  case dist
  /// A torch.save file a rank, as Megatron wrote them before.
  case legacy
  /// A PyTorch distributed checkpoint, as Megatron-FSDP writes it.
  case fsdpDTensor = "fsdp_dtensor"
  /// A folder as the Hugging Face one, with the names and stacked experts of prime-rl.
  case prime

  /// What `path` is, by the files that only this format has.
  ///
  /// A prime folder that mimo-host did not write looks like a Hugging Face one until its tensors are held against a
  /// plugin: see `isPrime`.
  package static func recognise(_ path: String) throws(MimoError) -> CheckpointFormat {
    guard try FileSystem.exists(path) else {
      throw MimoError(.usage, "there is nothing at this path", path: path, remedy: "Name the folder of a checkpoint")
    }
    guard try FileSystem.isDirectory(path) else {
      throw MimoError(.usage, "is not a folder", path: path, remedy: "Name the folder of a checkpoint")
    }
    func has(_ name: String) throws(MimoError) -> Bool { try FileSystem.exists(FileSystem.join(path, name)) }
    if try has(LayoutFile.fileName), try has(RankInventory.fileName(ofRank: 0)) { return .ranks }
    if try LegacyCheckpoint.find(at: path) != nil { return .legacy }
    for mark in [".metadata", "latest_checkpointed_iteration.txt", "latest_train_state.pt"] where try has(mark) {
      return try DistCheckpoint.kind(at: path) == .torchDist ? .dist : .fsdpDTensor
    }
    if try has("config.json") { return try TravellingRecord.exists(in: path) ? .prime : .hf }
    throw MimoError(
      .invalidInput, "is no checkpoint that is known: it has no config.json, .metadata, tracker file or layout.json",
      path: path, remedy: "Name the folder of a checkpoint")
  }

  /// Whether the tensors of a folder with config.json have the names of the plugin's layout prime.
  package static func isPrime(_ path: String, plugin: PluginLibrary) throws(MimoError) -> Bool {
    guard plugin.info.layouts.contains(ModelNaming.prime.rawValue) else { return false }
    let folder = try HuggingFaceFolder.open(path)
    let config = ModelConfig(folder.config, path: FileSystem.join(path, "config.json"))
    // A model that prime-rl has no layout for is refused: its folder is none of that layout.
    let description = capture { () throws(MimoError) in
      try plugin.describe(config.input(sources: nil, options: [:]), layout: ModelNaming.prime.rawValue)
    }
    guard case .success(let description) = description else { return false }
    return folder.holdsTargets(of: description)
  }
}
