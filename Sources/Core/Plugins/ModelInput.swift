import MimoFormats
import MimoTensor

/// What a plugin is asked to describe.
package struct ModelInput: Sendable {
  /// config.json.
  package var config: JSONValue
  /// The Hugging Face checkpoint's tensors; nil when there is none at hand, and on an export whose storage form the user
  /// chose: known keys win over options.
  package var sources: [String: GlobalShape]?
  /// What the user asked for, `expert_storage`, what the targets are stored in, `dtype` ("bfloat16"), and `quantized`:
  /// "no" when values are written, none of them encoded.
  package var options: [String: String]

  package init(config: JSONValue, sources: [String: GlobalShape]? = nil, options: [String: String] = [:]) {
    self.config = config
    self.sources = sources
    self.options = options
  }

  /// `architectures` of config.json; empty when it has none.
  package var architectures: [String] { config["architectures"]?.array?.compactMap(\.string) ?? [] }
}
