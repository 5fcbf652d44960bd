import MimoJSON
import MimoSystem
import MimoTensor

/// Finds the iteration folder that a user means, and tells the kinds of checkpoints apart.
enum DistCheckpointLocation {
  static let tracker = "latest_checkpointed_iteration.txt"
  static let trainStateTracker = "latest_train_state.pt"

  /// `path` itself when it has a `.metadata`, else the folder that its tracker names.
  static func iterationFolder(of path: String) throws(MimoError) -> String {
    guard try FileSystem.exists(path) else {
      throw MimoError(.invalidInput, "there is no such folder", path: path)
    }
    if try FileSystem.exists(FileSystem.join(path, ".metadata")) { return path }
    let named = try trackedFolder(FileSystem.join(path, tracker))
    let stepped = try steppedFolder(FileSystem.join(path, trainStateTracker))
    if let named, let stepped, named != stepped, named != "release" {
      throw MimoError(
        .invalidInput, "\(tracker) names \(named), \(trainStateTracker) names \(stepped)", path: path,
        remedy: "Name the iteration folder itself")
    }
    guard let name = named ?? stepped else {
      throw MimoError(
        .invalidInput, "this is no distributed checkpoint: it has neither .metadata nor \(tracker)", path: path,
        remedy: try isLegacy(path) ? "It is one in the legacy torch format (mp_rank_*)" : "Name the iteration folder")
    }
    let folder = FileSystem.join(path, name)
    guard try FileSystem.exists(FileSystem.join(folder, ".metadata")) else {
      if try isLegacy(folder) {
        throw MimoError(
          .unsupported, "this is a checkpoint in the legacy torch format (mp_rank_*)", path: folder,
          remedy: "Leave out --from: it is recognised")
      }
      throw MimoError(.invalidInput, "the tracker names this folder, but it has no .metadata", path: folder)
    }
    return folder
  }

  /// Megatron's tracker: an iteration, or the word `release`.
  static func trackedFolder(_ path: String) throws(MimoError) -> String? {
    guard try FileSystem.exists(path) else { return nil }
    let source = try PosixByteSource(path: path)
    let bytes = try source.bytes(at: 0, count: Int(min(source.size, 64)))
    let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
    if words == ["release"] { return "release" }
    guard words.count == 1, let iteration = Int(words[0]), iteration >= 0 else {
      throw MimoError(.invalidInput, "this is neither an iteration nor the word release", path: path)
    }
    return DistCheckpointCompanions.folderName(iteration: iteration)
  }

  /// Megatron-Bridge's tracker: a train state whose `step` is the iteration.
  private static func steppedFolder(_ path: String) throws(MimoError) -> String? {
    guard try FileSystem.exists(path) else { return nil }
    let source = try PosixByteSource(path: path)
    let state = try TorchObject(file: source)
    guard let step = state.value["step"] else { throw MimoError(.invalidInput, "there is no step", path: path) }
    if let number = step.intValue { return DistCheckpointCompanions.folderName(iteration: Int(number)) }
    let tensor = try state.tensor(step, in: source)
    guard tensor.dtype == .i64 || tensor.dtype == .i32, tensor.dims.isEmpty, let width = tensor.dtype.byteWidth else {
      throw MimoError(.invalidInput, "step is no whole number", path: path)
    }
    let bytes = try source.bytes(at: tensor.offset, count: width)
    let number = bytes.reversed().reduce(Int64(0)) { $0 << 8 | Int64($1) }
    guard number >= 0, number <= Int64(Int32.max) else {
      throw MimoError(.invalidInput, "step is \(number)", path: path)
    }
    return DistCheckpointCompanions.folderName(iteration: Int(number))
  }

  private static func isLegacy(_ path: String) throws(MimoError) -> Bool {
    guard try FileSystem.isDirectory(path) else { return false }
    return try FileSystem.list(path).contains { $0.hasPrefix("mp_rank_") }
  }

  /// `metadata.json` makes it megatron-core's.
  static func kind(of folder: String) throws(MimoError) -> DistCheckpoint.Kind {
    let path = FileSystem.join(folder, "metadata.json")
    guard try FileSystem.exists(path) else { return .plain }
    let description = try JSONParser.parse(file: path, limit: 1 << 20)
    guard description["sharded_backend"]?.string == "torch_dist", description["sharded_backend_version"]?.integer == 1
    else {
      throw MimoError(
        .unsupported, "the backend is not torch_dist version 1", path: path,
        remedy: "Save the checkpoint as torch_dist with Megatron first")
    }
    return .torchDist
  }
}
