import MimoContainers
import MimoMapping
import MimoSystem
import MimoTensor
import MimoTransfer

/// What an import starts from.
package enum ImportSource: Sendable {
  /// A checkpoint with its weights.
  case folder(HuggingFaceFolder)
  /// A model's config alone: enough for a plan, its tensors are those that are published.
  case config(ModelConfig)

  /// Opens a folder with weights.
  package static func open(_ path: String) throws(MimoError) -> ImportSource {
    .folder(try HuggingFaceFolder.open(path))
  }

  /// A folder with weights, one with config.json alone, or the path of a config.
  package static func forPlanning(_ path: String) throws(MimoError) -> ImportSource {
    guard try FileSystem.isDirectory(path) else { return .config(try ModelConfig(path: path)) }
    let names = try FileSystem.list(path)
    let hasWeights = names.contains { $0.hasSuffix(".safetensors") || $0 == HuggingFaceIndex.fileName }
    return hasWeights ? try open(path) : .config(try ModelConfig(path: FileSystem.join(path, "config.json")))
  }

  package var config: ModelConfig {
    switch self {
    case .folder(let folder): ModelConfig(folder.config, path: FileSystem.join(folder.path, "config.json"))
    case .config(let config): config
    }
  }

  /// Shapes by name, as plugins ask for them; nil when there is no checkpoint at hand.
  package var shapes: [String: GlobalShape]? {
    guard case .folder(let folder) = self else { return nil }
    var shapes = [String: GlobalShape](minimumCapacity: folder.tensors.count)
    for tensor in folder.tensors { shapes[tensor.name] = tensor.shape }
    return shapes
  }

  package var files: [StoredFile] {
    guard case .folder(let folder) = self else { return [] }
    return folder.files.map { StoredFile(path: $0.path, size: $0.size) }
  }

  /// The files that are no weights; nil when there is no checkpoint at hand.
  package func travelling() throws(MimoError) -> TravellingFiles? {
    guard case .folder(let folder) = self else { return nil }
    return try TravellingFiles(folder.companions, in: folder.path)
  }

  /// The source without weight files that are of no model that is described.
  package func settled(_ description: ModelDescription) throws(MimoError) -> ImportSource {
    guard case .folder(let folder) = self else { return self }
    return .folder(try SourceMatch.settled(folder, description))
  }

  /// Weight files that are of another model.
  package var unused: [Omission] {
    guard case .folder(let folder) = self else { return [] }
    return folder.unusedFiles
  }

  /// - Parameter dtype: that of the model's parameters, for tensors that nobody has stored yet or that are decoded.
  package func match(_ description: ModelDescription, dtype: DType) throws(MimoError) -> SourceMatch {
    switch self {
    case .folder(let folder): try SourceMatch(description, folder, decoded: dtype)
    case .config: SourceMatch(published: description, dtype: dtype)
    }
  }
}
