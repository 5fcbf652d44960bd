import MimoMapping
import MimoSystem
import MimoTensor

/// Checkpoints that do not hold what the plugin expects.
extension Rule {
  /// Tensors that are taken away, one at a time.
  private static let missing = 24

  static let keySets = [
    Rule(
      701, "survives-missing-tensors",
      "without one of its tensors a checkpoint ends in a sound description or in words",
      otherwise: "a folder that was not downloaded whole ends in a crash or a wrong model"
    ) { (subject) throws(MimoError) in
      try subject.everywhere { (model) throws(MimoError) in
        try changed(model, 701) { shapes, random in
          shapes.keys.sorted().shuffled(using: &random).prefix(missing).map { name in
            ("without \(name)", shapes.filter { $0.key != name })
          }
        }
      }
    },
    Rule(
      702, "drops-nothing-unknown",
      "a tensor that the family does not know is left to the host, which refuses it by name",
      otherwise: "weights of a newer model are left out without a word"
    ) { (subject) throws(MimoError) in
      try subject.everywhere { (model) throws(MimoError) in
        guard let alone = model.description else { return [] }
        var random = model.random(702)
        let foreign = KeySet.foreign(UInt64.random(in: 1...99_999, using: &random))
        var shapes = KeySet.shapes(of: alone)
        for name in foreign { shapes[name] = GlobalShape([7, 5]) }
        let outcome = try model.outcome(model.request(model.config.json, sources: shapes))
        guard let known = outcome.description else { return outcome.breach.map { [$0] } ?? [] }
        return foreign.compactMap { name in
          if let rule = known.drops.first(where: { Pattern.matches($0.pattern, name) }) {
            return "\(name) is dropped by \(rule.pattern)"
          }
          return known.sources.contains { $0.storedNames.contains(name) } ? "\(name) is declared" : nil
        }
      }
    },
    Rule(
      703, "survives-odd-shapes", "a checkpoint whose shapes are not those of the config ends soundly or in words",
      otherwise: "a folder with another model's config ends in a crash or a wrong model"
    ) { (subject) throws(MimoError) in
      try subject.everywhere { (model) throws(MimoError) in
        try changed(model, 703) { shapes, random in
          let names = shapes.keys.sorted()
          let odd: [DimVector] = [[], [0], [1], [-1, 3], [1 << 40, 1 << 40], [2, 3, 5, 7, 1, 1, 1, 1]]
          return odd.compactMap { shape in
            guard let name = names.randomElement(using: &random) else { return nil }
            return ("\(name) as \(shape)", shapes.merging([name: GlobalShape(shape)]) { $1 })
          }
        }
      }
    },
  ]

  private typealias Change = (words: String, shapes: [String: GlobalShape])

  private static func changed(
    _ model: Case, _ number: Int, _ changes: ([String: GlobalShape], inout SplitMix64) -> [Change]
  ) throws(MimoError) -> [String] {
    guard let alone = model.description else { return [] }
    var random = model.random(number)
    let changes = changes(KeySet.shapes(of: alone), &random)
    let outcomes = try model.outcomes(changes.map { model.request(model.config.json, sources: $0.shapes) })
    return zip(changes, outcomes).compactMap { change, outcome in outcome.breach.map { "\(change.words): \($0)" } }
  }
}
