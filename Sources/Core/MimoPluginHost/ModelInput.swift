import MimoJSON
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

  /// The three largest numbers of things (`num_experts`, ...) of config.json and of the configs in it.
  var largestCounts: [(name: String, value: Int)] {
    guard let object = config.object else { return [] }
    var counts: [(name: String, value: Int)] = []
    for part in [object] + object.members.compactMap({ $0.1.object }) {
      for (name, value) in part.members where name.hasPrefix("num_") || name.hasPrefix("n_") {
        if let count = value.integer { counts.append((name, count)) }
      }
    }
    return Array(counts.sorted { $0.value > $1.value }.prefix(3))
  }

  /// `architectures` of config.json; empty when it has none.
  package var architectures: [String] { config["architectures"]?.array?.compactMap(\.string) ?? [] }
}
