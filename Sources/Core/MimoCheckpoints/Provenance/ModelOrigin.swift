import MimoContainers
import MimoMapping
import MimoPluginHost
import MimoSystem
import MimoTensor

/// What is known about the Hugging Face model that a Megatron checkpoint is of.
package struct ModelOrigin {
  package let config: ModelConfig
  /// Names, dtypes and files of the original; nil when only its config is known.
  let manifest: SourceManifest?
  /// The original itself, where it is at hand.
  let folder: HuggingFaceFolder?
  /// The files that are no weights; nil when none are known.
  let travelling: TravellingFiles?
  /// How experts lie in the original, where its import had to be told.
  let expertStorage: String?

  /// Shapes by name, as plugins ask for them.
  var shapes: [String: GlobalShape]? {
    guard let manifest else { return nil }
    var shapes: [String: GlobalShape] = [:]
    for file in manifest.files { for tensor in file.tensors { shapes[tensor.name] = tensor.shape } }
    return shapes
  }

  /// What the plugin says of the model.
  ///
  /// - Parameters:
  ///   - expertStorage: the form that the user asked for, which wins over the one that import found.
  ///   - isWrittenPlain: describe plain values where the original had codes and scales.
  ///   - config: instead of the original's own.
  package func describe(
    _ naming: ModelNaming, expertStorage: String?, isWrittenPlain: Bool, config: ModelConfig? = nil,
    plugin: PluginLibrary
  ) throws(MimoError) -> ModelDescription {
    let shapes = expertStorage == nil ? self.shapes : nil
    var options = (expertStorage ?? self.expertStorage).map { ["expert_storage": $0] } ?? [:]
    if isWrittenPlain { options["quantized"] = "no" }
    return try plugin.describe(
      (config ?? self.config).input(sources: shapes, options: options), layout: naming.rawValue)
  }

  /// Looks where the user said, else beside the checkpoint.
  package init(_ source: CheckpointReference) throws(MimoError) {
    if let folder = source.configFolder {
      try self.init(folder: folder)
      return
    }
    try self.init(beside: source.path)
  }

  /// The record that lies beside a checkpoint.
  package init(beside checkpoint: String) throws(MimoError) {
    guard let record = try TravellingRecord.find(beside: checkpoint) else {
      throw MimoError(
        .invalidInput, "does not say which model it is of: it was not written by mimo-host", path: checkpoint,
        remedy: "Name a folder with the model's config.json: --hf-config DIR")
    }
    self.init(
      config: record.config, manifest: record.manifest,
      travelling: try TravellingFiles(record.manifest.companions, in: record.files), expertStorage: record.expertStorage)
  }

  /// A prime folder has the model's config itself, and the files that are no weights.
  init(prime source: CheckpointReference) throws(MimoError) {
    let folder = source.path
    let config = FileSystem.join(folder, "config.json")
    let isRecorded = try TravellingRecord.exists(in: folder)
    guard source.configFolder == nil, !isRecorded, try FileSystem.exists(config) else {
      try self.init(source)
      return
    }
    let files = try TravellingFiles(HuggingFaceFolder.open(folder).companions, in: folder)
    self.init(config: try ModelConfig(path: config), manifest: nil, travelling: files, expertStorage: nil)
  }

  /// The same form of names for a model whose own config says what it has.
  package func named(_ config: ModelConfig) -> ModelOrigin {
    ModelOrigin(config: config, manifest: manifest, travelling: travelling, expertStorage: expertStorage)
  }

  /// The record for one description: what of the original is tied in name only is left out.
  func manifest(for description: ModelDescription) throws(MimoError) -> SourceManifest? {
    guard var manifest, let folder else { return manifest }
    manifest.leftOut = try TieCheck.run(SourceMatch.duplicates(description, folder), in: folder).map(\.name)
    return manifest
  }

  /// Hands what is known on to another checkpoint of the model; false where too little is known.
  ///
  /// - Parameters:
  ///   - config: as far as that checkpoint holds the model.
  ///   - leftOut: tied tensors of the original that differed.
  ///   - only: the one component that that checkpoint holds.
  package func writeRecord(config: ModelConfig, leftOut: [String], only: String?, into output: String) throws(MimoError) -> Bool {
    if let folder, let travelling {
      try TravellingRecord.write(
        folder, travelling, expertStorage: expertStorage, leftOut: leftOut, only: only, into: output)
    } else if manifest != nil, let travelling {
      try TravellingRecord.copy(recordWith: travelling, expertStorage: expertStorage, only: only, into: output)
    } else {
      return false
    }
    if config.json != self.config.json { try TravellingRecord.replaceConfig(config.json, in: output) }
    return true
  }

  private init(
    config: ModelConfig, manifest: SourceManifest?, folder: HuggingFaceFolder? = nil, travelling: TravellingFiles?,
    expertStorage: String?
  ) {
    self.folder = folder
    self.config = config
    self.manifest = manifest
    self.travelling = travelling
    self.expertStorage = expertStorage
  }

  /// A folder with config.json; its weights, if it has any, say dtypes and files.
  ///
  /// - Parameter path: the folder, or config.json itself.
  package init(folder path: String) throws(MimoError) {
    let (parent, name) = FileSystem.split(path)
    var folder = path
    if name == "config.json", try !FileSystem.isDirectory(path) { folder = parent }
    try SourceFolders.check("config.json", below: folder)
    let config = try ModelConfig(path: FileSystem.join(folder, "config.json"))
    let names = try FileSystem.list(folder)
    guard names.contains(where: { $0.hasSuffix(".safetensors") }) else {
      let files = try TravellingFiles(ModelOrigin.plainFiles(names, in: folder), in: folder)
      self.init(config: config, manifest: nil, travelling: files, expertStorage: nil)
      return
    }
    let original = try HuggingFaceFolder.open(folder)
    self.init(
      config: config, manifest: SourceManifest(original), folder: original,
      travelling: try TravellingFiles(original.companions, in: folder), expertStorage: nil)
  }

  private static func plainFiles(
    _ names: [String], in folder: String
  ) throws(MimoError) -> [HuggingFaceFolder.Companion] {
    var files: [HuggingFaceFolder.Companion] = []
    for name in names where !name.hasPrefix(".") && !name.hasSuffix(".index.json") && name != ReportFile.name {
      try SourceFolders.check(name, below: folder)
      let info = try FileSystem.infoFollowingLinks(at: FileSystem.join(folder, name))
      if info.kind == .regular { files.append(.init(path: name, size: info.size)) }
    }
    return files
  }
}
