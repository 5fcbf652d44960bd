import MimoContainers
import MimoTransfer

/// Files in a Hugging Face folder that are neither its model's weights nor go along with them: other forms of the weights,
/// checkpoints of a training, what belongs to a Megatron checkpoint.
package enum ForeignFiles {
  /// Why a file stays behind; nil for one that may go along.
  ///
  /// - Parameter path: inside the folder.
  package static func reason(_ path: String) -> String? {
    let parts = path.lowercased().split(separator: "/").map(String.init)
    guard let first = parts.first, let name = parts.last else { return nil }
    let folders = parts.dropLast()
    if !folders.isEmpty, otherForms.contains(first) { return "\(first)/ holds the weights in another form" }
    if let folder = folders.first(where: isTraining) { return "\(folder)/ is a checkpoint of a training" }
    if let folder = folders.first(where: isMegatron) { return "\(folder)/ belongs to a Megatron checkpoint" }
    if megatronNames.contains(name) || name.hasSuffix(".distcp") { return "belongs to the checkpoint of a training" }
    if name.hasSuffix(".bin.index.json") || name.hasSuffix(".safetensors.index.json") {
      return "is the index of weights that do not travel"
    }
    return otherEndings.first(where: name.hasSuffix).map { "\($0) files hold weights in another form" }
  }

  private static let otherForms: Set = ["original", "metal"]
  private static let otherEndings = [".gguf", ".onnx", ".onnx_data", ".h5", ".msgpack", ".ot", ".tflite"]
  private static let megatronNames: Set = [
    "latest_checkpointed_iteration.txt", "latest_train_state.pt", "latest", "train_state.pt", "common.pt", "run_config.yaml",
  ]

  private static func isTraining(_ folder: String) -> Bool {
    isNumbered(folder, after: "checkpoint-") || isNumbered(folder, after: "global_step")
  }

  private static func isMegatron(_ folder: String) -> Bool {
    isNumbered(folder, after: "iter_") || folder.hasPrefix("mp_rank_")
  }

  private static func isNumbered(_ folder: String, after prefix: String) -> Bool {
    guard folder.hasPrefix(prefix) else { return false }
    let rest = folder.dropFirst(prefix.count)
    return !rest.isEmpty && rest.allSatisfy(\.isNumber)
  }
}

extension HuggingFaceFolder {
  /// Weight files that are of another model.
  var unusedFiles: [Omission] {
    unused.map {
      Omission(name: $0.path, bytes: Int(clamping: $0.size), reason: "no index names it, and none of its tensors is of the model")
    }
  }
}
