import MimoSystem

/// Configs that are not as published.
extension Rule {
  /// Random changes of one model in one layout.
  private static let changes = 64

  static let refusing = [
    Rule(
      601, "survives-any-config", "a damaged config ends in a sound description or a refusal in words, within the time",
      otherwise: "a damaged file ends in a crash, a hang or a wrong model"
    ) { (subject) throws(MimoError) in
      try subject.everywhere { (model) throws(MimoError) in
        var random = model.random(601)
        let mutations = ConfigMutation.random(model.config.json, count: changes, using: &random)
        return try tried(model, mutations) { _, outcome in outcome.breach }
      }
    },
    Rule(
      602, "names-the-missing-key", "without one of its keys a config is described, or refused with the name of a key",
      otherwise: "the user does not learn what the config lacks"
    ) { (subject) throws(MimoError) in
      try subject.everywhere { (model) throws(MimoError) in
        try tried(model, ConfigMutation.withoutKeys(model.config.json)) { mutation, outcome in
          unnamed(mutation, outcome) { words in namesAKey(words) }
        }
      }
    },
    Rule(
      603, "names-the-key-of-a-wrong-kind",
      "a value of a kind that it can not have is refused with the key's name, or not read",
      otherwise: "the user does not learn what is wrong in the config"
    ) { (subject) throws(MimoError) in
      try subject.everywhere { (model) throws(MimoError) in
        try tried(model, ConfigMutation.withOtherKinds(model.config.json)) { mutation, outcome in
          unnamed(mutation, outcome) { words in words.contains(mutation.leaf.key) }
        }
      }
    },
    Rule(
      604, "names-the-switch", "a switch that the family can not have is refused with the key's name",
      otherwise: "weights that the switch changes are converted as if it were not there"
    ) { (subject) throws(MimoError) in
      try subject.everywhere { (model) throws(MimoError) in
        try tried(model, ConfigMutation.withSwitchesThrown(model.config.json)) { mutation, outcome in
          unnamed(mutation, outcome) { words in words.contains(mutation.leaf.key) }
        }
      }
    },
  ]

  /// What `fault` says of each outcome, with the change that led to it.
  private static func tried(
    _ model: Case, _ mutations: [ConfigMutation], _ fault: (ConfigMutation, Outcome) -> String?
  ) throws(MimoError) -> [String] {
    // A layout that has no place for the model refuses all changes of it too, for a reason of its own.
    guard model.description != nil else { return [] }
    let outcomes = try model.outcomes(mutations.map { model.request($0.config) })
    return zip(mutations, outcomes).compactMap { mutation, outcome in
      fault(mutation, outcome).map { "\(mutation.words): \($0)" }
    }
  }

  private static func unnamed(
    _ mutation: ConfigMutation, _ outcome: Outcome, _ isNamed: (String) -> Bool
  ) -> String? {
    if let breach = outcome.breach { return breach }
    guard case .refused(let words) = outcome, !isNamed(words) else { return nil }
    return "refused without the key's name: \(words)"
  }

  /// Whether a refusal holds a word as keys of config.json are written: a plugin may name the key that it looked for last.
  private static func namesAKey(_ words: String) -> Bool {
    words.split { !($0.isLetter || $0.isNumber || $0 == "_") }.contains { $0.contains("_") }
      || words.contains(" is missing")
  }
}
