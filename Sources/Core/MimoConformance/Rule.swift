import MimoSystem

/// One numbered demand on a plugin, what follows from breaking it, and how it is tried.
struct Rule: Sendable {
  /// The first digit is that of the rule's group.
  let number: Int
  let name: String
  /// What a plugin must do.
  let demand: String
  /// What happens with one that does not.
  let otherwise: String
  let check: @Sendable (Subject) throws(MimoError) -> Verdict

  init(
    _ number: Int, _ name: String, _ demand: String, otherwise: String,
    _ check: @escaping @Sendable (Subject) throws(MimoError) -> Verdict
  ) {
    self.number = number
    self.name = name
    self.demand = demand
    self.otherwise = otherwise
    self.check = check
  }

  /// `--only` takes either.
  func isCalled(_ word: String) -> Bool { word == name || word == String(number) }
}

extension Rule {
  /// All of them, by number.
  static let all = library + negotiation + table + describing + mapping + refusing + keySets + behaviour
}
