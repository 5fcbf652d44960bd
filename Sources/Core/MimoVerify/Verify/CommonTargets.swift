import MimoMapping
import MimoSystem

/// The parameters that two models have in common, and the Hugging Face tensors that only one of them makes others of.
struct CommonTargets {
  /// The first model, as far as the second has it.
  let description: ModelDescription
  /// Of the first model's sources, those that are left.
  let sources: [Int]
  /// For each target that is left, its number in the second model.
  let places: [Int]
  /// Sources of each model that the other has no parameter of.
  let onlyFirst: [String]
  let onlySecond: [String]

  /// Throws when the two have the same parameter in other shapes, or only a part of a tensor in common.
  init(_ first: ModelDescription, _ second: ModelDescription) throws(MimoError) {
    var numbers: [String: Int] = [:]
    for (index, target) in second.targets.enumerated() { numbers[CommonTargets.name(target)] = index }
    var kept: [Int] = []
    var places: [Int] = []
    for (index, target) in first.targets.enumerated() {
      guard let place = numbers[CommonTargets.name(target)] else { continue }
      guard second.targets[place].shape == target.shape else {
        throw MimoError(
          .invalidInput, "the two folders are not of one model: it has shape \(target.shape) in one and "
            + "\(second.targets[place].shape) in the other", tensor: target.globalName, remedy: "Compare the two config.json")
      }
      kept.append(index)
      places.append(place)
    }
    let (mine, others) = (try CommonTargets.split(first, kept), try CommonTargets.split(second, places))
    sources = mine.used
    self.places = places
    onlyFirst = mine.unused.map { first.sources[$0].name }
    onlySecond = others.unused.map { second.sources[$0].name }
    description = CommonTargets.keeping(kept, mine.used, of: first)
  }

  private static func name(_ target: TargetDeclaration) -> String { "\(target.component) \(target.globalName)" }

  /// The sources that the kept targets are made of, and those that only the others are.
  private static func split(
    _ model: ModelDescription, _ kept: [Int]
  ) throws(MimoError) -> (used: [Int], unused: [Int]) {
    let kept = Set(kept)
    var isUsed = [Bool](repeating: false, count: model.sources.count)
    var isLeft = isUsed
    for (index, target) in model.targets.enumerated() {
      for source in target.fragments.lazy.compactMap(\.source) {
        if kept.contains(index) { isUsed[source] = true } else { isLeft[source] = true }
      }
    }
    if let torn = model.sources.indices.first(where: { isUsed[$0] && isLeft[$0] }) {
      throw MimoError(
        .invalidInput, "the two folders are not of one model: only one has all of its parameters",
        tensor: model.sources[torn].name, remedy: "Compare the two config.json")
    }
    return (model.sources.indices.filter { !isLeft[$0] }, model.sources.indices.filter { isLeft[$0] })
  }

  private static func keeping(_ targets: [Int], _ sources: [Int], of model: ModelDescription) -> ModelDescription {
    var places = [Int?](repeating: nil, count: model.sources.count)
    for (place, source) in sources.enumerated() { places[source] = place }
    var result = ModelDescription()
    result.sources = sources.map { model.sources[$0] }
    result.targets = targets.map { index in
      var target = model.targets[index]
      for number in target.fragments.indices {
        target.fragments[number].source = target.fragments[number].source.flatMap { places[$0] }
      }
      return target
    }
    return result
  }
}
