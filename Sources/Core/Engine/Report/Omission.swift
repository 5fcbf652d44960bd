import MimoFormats
import MimoPlan

/// Something of the source that OUT does not have.
package struct Omission: Sendable, Hashable {
  package var name: String
  package var bytes: Int
  package var reason: String

  package init(name: String, bytes: Int, reason: String) {
    self.name = name
    self.bytes = bytes
    self.reason = reason
  }

  init(_ drop: SourceMatch.Drop) { self.init(name: drop.name, bytes: drop.bytes, reason: drop.reason) }

  var json: JSONValue {
    .object(["name": .string(name), "bytes": .integer(bytes), "reason": .string(reason)])
  }
}
