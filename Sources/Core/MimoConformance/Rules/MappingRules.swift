import MimoMapping
import MimoSystem

/// The mapping, on the declarations alone: an inverse exists when each element is moved once.
extension Rule {
  static let mapping = [
    Rule(
      501, "moves-each-element-once", "each target is written whole, each element of a source read once",
      otherwise: "weights are lost, doubled or made up, and the way back does not exist"
    ) { (subject) throws(MimoError) in
      guard case .success = subject.plugin else { return .withoutPlugin }
      guard !subject.cases.isEmpty else { return .withoutConfig }
      return Verdict(subject.cases.compactMap { model in model.outcome.breach.map { "\(model.name): \($0)" } })
    },
    Rule(
      502, "knows-rows-from-columns", "the same of a model whose matrices are not square",
      otherwise: "a transposed matrix goes unseen until a model has other sizes"
    ) { (subject) throws(MimoError) in
      var square: [String] = []
      let verdict = try subject.everywhere { (model) throws(MimoError) in
        guard let uneven = try UnevenModel(model).attempt() else { return [] }
        square += UnevenModel.square(uneven.description).prefix(1).map {
          "\(model.config.name): \($0.name) stays square"
        }
        return uneven.breaches
      }
      guard case .kept = verdict, let first = square.first else { return verdict }
      return .kept(first)
    },
    Rule(
      503, "keeps-to-the-checkpoints-keys",
      "with the tensors at hand that it declared itself, it declares the same ones",
      otherwise: "a checkpoint that fits is refused, or is converted without some of its tensors"
    ) { (subject) throws(MimoError) in
      try subject.everywhere { (model) throws(MimoError) in
        guard let alone = model.description else { return [] }
        let request = model.request(model.config.json, sources: KeySet.shapes(of: alone))
        let outcome = try model.outcome(request)
        guard let known = outcome.description else {
          return [outcome.breach ?? "its own keys are refused: \(outcome.words)"]
        }
        return KeySet.differences(alone, known)
      }
    },
  ]
}
