import MimoCheckpoints
import MimoMapping
import MimoPluginHost
import MimoSystem

/// What models two checkpoints are of: each is what lies beside it, and both are told in one form of Hugging Face names.
struct ComparedModels {
  private let request: VerifyRequest
  /// The checkpoint whose form of names is taken: how experts are stored, and as what.
  private let form: ModelOrigin

  /// Two checkpoints of which none is a Hugging Face folder.
  init(_ request: VerifyRequest, second: String) throws(MimoError) {
    self.request = request
    if let folder = request.configFolder {
      form = try ModelOrigin(folder: folder)
    } else if try TravellingRecord.find(beside: request.first) == nil, try TravellingRecord.find(beside: second) != nil {
      form = try ModelOrigin(beside: second)
    } else {
      form = try ModelOrigin(beside: request.first)
    }
  }

  /// A Hugging Face folder and another checkpoint.
  init(_ request: VerifyRequest, folder: String) throws(MimoError) {
    self.request = request
    form = try ModelOrigin(folder: folder)
  }

  /// The model of a checkpoint: by its own record, else as the user said, else that of the other one.
  func origin(of path: String) throws(MimoError) -> ModelOrigin {
    if let own = try TravellingRecord.find(beside: path) { return form.named(own.config) }
    guard let folder = request.configFolder else { return form.named(form.config) }
    return form.named(try ModelConfig(path: FileSystem.join(folder, "config.json")))
  }

  /// The Hugging Face folder's own description, in the layout of another checkpoint.
  func described(_ naming: ModelNaming, _ part: ModelPart, _ plugin: PluginLibrary) throws(MimoError) -> ModelDescription {
    part.described(try form.describe(naming, expertStorage: nil, isWrittenPlain: false, plugin: plugin))
  }
}
