import MimoTensor

/// One value of config.json, as far as a plugin may ask for it.
package enum ConfigValue: Sendable, Equatable {
  case null
  case bool(Bool)
  case int(Int)
  case float(Double)
  case string(String)
  /// A list or an object, by the number of its members.
  case list(Int)
  case object(Int)
}

/// What a plugin is asked to describe.
package struct ModelInput: Sendable {
  /// config.json by dotted path, lists by number; nil for a missing key.
  package var config: @Sendable (String) -> ConfigValue?
  /// The checkpoint's tensors; nil when there is no checkpoint at hand.
  package var sources: [String: GlobalShape]?
  /// What the user asked for: `expert_storage`.
  package var options: [String: String]

  package init(
    config: @escaping @Sendable (String) -> ConfigValue?, sources: [String: GlobalShape]? = nil,
    options: [String: String] = [:]
  ) {
    self.config = config
    self.sources = sources
    self.options = options
  }

  /// `architectures` of config.json; empty when it has none.
  package var architectures: [String] {
    guard case .list(let count) = config("architectures") else { return [] }
    return (0..<count).compactMap { index in
      guard case .string(let name) = config("architectures.\(index)") else { return nil }
      return name
    }
  }
}
