/// Something that a user should know of a conversion beside its result.
package struct Note: Sendable, Hashable {
  package enum Kind: Sendable {
    /// OUT lacks weights of the source, or has others: said even with --quiet, an error with --strict.
    case weights
    case remark
  }

  package let kind: Kind
  package let text: String

  package init(_ kind: Kind, _ text: String) {
    self.kind = kind
    self.text = text
  }
}

extension Note: ExpressibleByStringInterpolation {
  /// A remark.
  package init(stringLiteral text: String) { self.init(.remark, text) }
}
