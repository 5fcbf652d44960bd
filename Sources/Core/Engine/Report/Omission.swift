import MimoJSON
import MimoPlan

/// Something of the source that OUT does not have.
package struct Omission: Sendable, Hashable {
  package enum Kind: Sendable {
    /// A tensor of the model.
    case weights
    /// What the user left out on purpose, state of a training, a file.
    case other
  }

  package var name: String
  package var bytes: Int
  package var reason: String
  package var kind: Kind

  package init(name: String, bytes: Int, reason: String, kind: Kind = .other) {
    self.name = name
    self.bytes = bytes
    self.reason = reason
    self.kind = kind
  }

  /// A tensor of a Hugging Face folder.
  init(_ drop: SourceMatch.Drop) {
    self.init(name: drop.name, bytes: drop.bytes, reason: drop.reason, kind: drop.isOfOtherComponent ? .other : .weights)
  }

  var json: JSONValue {
    .object(["name": .string(name), "bytes": .integer(bytes), "reason": .string(reason)])
  }
}
