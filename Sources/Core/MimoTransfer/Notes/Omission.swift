import MimoJSON

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

  package var json: JSONValue {
    .object(["name": .string(name), "bytes": .integer(bytes), "reason": .string(reason)])
  }
}
