/// A checkpoint to be read, and how.
package struct CheckpointReference: Sendable {
  package var path: String
  /// A folder with the model's config.json, for a checkpoint that does not say its model.
  package var configFolder: String?
  /// The one component that is read; nil for all.
  package var only: String?
  /// How experts lie in a Hugging Face folder; nil for what the files show.
  package var expertStorage: String?
  /// Reads it whatever the report beside it says.
  package var ignoresReport = false

  package init(
    path: String, configFolder: String? = nil, only: String? = nil, expertStorage: String? = nil, ignoresReport: Bool = false
  ) {
    self.path = path
    self.configFolder = configFolder
    self.only = only
    self.expertStorage = expertStorage
    self.ignoresReport = ignoresReport
  }
}
