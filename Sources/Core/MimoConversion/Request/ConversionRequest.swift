import MimoCheckpoints
import MimoParallel
import MimoSystem
import MimoTensor
import MimoTransfer

/// What the user wants converted.
package struct ConversionRequest: Sendable {
  package var source: String
  package var output: String
  /// nil: to a Hugging Face folder.
  package var layout: LayoutRequest?
  package var worldSize: Int?
  package var padVocabulary = false
  package var dtype: DType?
  /// A folder with the model's config.json, for a checkpoint that does not say its model.
  package var configFolder: String?
  /// A file with the shards that a running job exported.
  package var shardTable: String?
  /// "per_expert", "packed" or "packed_transposed".
  package var expertStorage: String?
  /// Largest safetensors file of a folder whose own files are not known.
  package var shardBytes: Int?
  /// The one component that is converted; nil for the whole model.
  package var only: String?
  /// Components that are taken from other checkpoints.
  package var splices: [Splice] = []
  /// Leaves optimizer, scheduler and all other state of a training behind.
  package var weightsOnly = false
  /// Refuses to lose weights, or to give others than the source's.
  package var strict = false
  /// Reads the source whatever the report beside it says.
  package var ignoresReport = false
  package var overwrite = false
  /// Follows symbolic links of what is read wherever they lead.
  package var followsLinks = false
  /// Forgets the work of a run that did not end.
  package var restart = false
  /// The work folder is ours, though the file system does not say so.
  package var trustsWorkFolder = false
  package var resources: Resources
  package var budget = MemoryBudget()
  /// Notes what is read of the sources; see `beginReading`.
  package private(set) var log: ReadLog?
  /// Told what the run is at.
  package var phases: PhaseHandler = { _ in }
  /// The command line, for the report.
  package var command: [String] = []

  package init(source: String, output: String, resources: Resources) {
    self.source = source
    self.output = output
    self.resources = resources
  }

  /// What is read, for as long as it is.
  package var sources: SourceFolders {
    SourceFolders([source] + splices.map(\.path) + [configFolder].compactMap { $0 }, followLinks: followsLinks)
  }

  /// The source, and how it is read.
  var reference: CheckpointReference {
    CheckpointReference(
      path: source, configFolder: configFolder, only: only, expertStorage: expertStorage, ignoresReport: ignoresReport)
  }

  /// Files and folders that are read.
  var inputs: [String] { [source] + splices.map(\.path) + [configFolder, shardTable].compactMap { $0 } }

  /// Notes from now on what is read of the sources, so that the run can tell at its end whether that is there still. Called
  /// once all sources are named, before the first of them is opened.
  package mutating func beginReading() {
    let records = inputs.map { FileSystem.join(FileSystem.split($0).parent, TravellingRecord.folderName) }
    log = ReadLog(of: inputs + records)
  }

  /// The log of what is read; a new one where reading was not begun.
  var readLog: ReadLog { log ?? ReadLog(of: inputs) }

  /// What a plugin may ask for.
  var pluginOptions: [String: String] {
    var options: [String: String] = [:]
    options["expert_storage"] = expertStorage
    options["dtype"] = dtype.flatMap { asked in ModelConfig.dtypes.first { $0.value == asked }?.key }
    return options
  }
}
