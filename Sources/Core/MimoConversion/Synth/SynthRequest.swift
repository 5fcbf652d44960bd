import MimoTensor
import MimoTransfer

/// A model to make up from its config.
package struct SynthRequest: Sendable {
  /// The path of config.json.
  package var config: String
  package var output: String
  package var seed: UInt64 = 0
  package var dtype: DType?
  /// "per_expert", "packed" or "packed_transposed".
  package var expertStorage: String?
  /// Largest safetensors file.
  package var shardBytes: Int?
  package var overwrite = false
  /// The work folder is ours, though the file system does not say so.
  package var trustsWorkFolder = false
  package var resources: Resources
  package var budget = MemoryBudget()
  /// The command line and the program's version, for the report.
  package var command: [String] = []
  package var hostVersion = ""

  package init(config: String, output: String, resources: Resources) {
    self.config = config
    self.output = output
    self.resources = resources
  }
}

extension OutputPlace {
  package init(_ request: SynthRequest) {
    self.init(request.output, inputs: [request.config], overwrite: request.overwrite)
  }
}
