import MimoTransfer

extension Omission {
  /// A tensor of a Hugging Face folder.
  package init(_ drop: SourceMatch.Drop) {
    self.init(name: drop.name, bytes: drop.bytes, reason: drop.reason, kind: drop.isOfOtherComponent ? .other : .weights)
  }
}
