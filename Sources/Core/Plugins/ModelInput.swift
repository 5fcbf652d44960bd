import MimoFormats
import MimoTensor

/// What a plugin is asked to describe.
package struct ModelInput: Sendable {
  /// config.json.
  package var config: JSONValue
  /// The checkpoint's tensors; nil when there is no checkpoint at hand.
  package var sources: [String: GlobalShape]?
  /// What the user asked for: `expert_storage`.
  package var options: [String: String]

  package init(config: JSONValue, sources: [String: GlobalShape]? = nil, options: [String: String] = [:]) {
    self.config = config
    self.sources = sources
    self.options = options
  }

  /// `architectures` of config.json; empty when it has none.
  package var architectures: [String] { config["architectures"]?.array?.compactMap(\.string) ?? [] }
}
