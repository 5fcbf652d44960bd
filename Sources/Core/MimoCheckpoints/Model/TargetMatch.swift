import MimoMapping
import MimoSystem
import MimoTensor

/// Two layouts of one model, target by target: which stored tensor of the one is which of the other.
///
/// They belong together by component and name; that they are the same numbers is proven by what the plugin makes them of.
package struct TargetMatch: Sendable {
  /// For each target of the output, the source's.
  package let origins: [Int]
  /// Targets of the source that have no place in the output, and why.
  package let drops: [(target: Int, reason: String)]

  /// Throws for a target of the output that the source has not, or has as another function of the weights.
  package init(_ source: ModelDescription, to output: ModelDescription) throws(MimoError) {
    var places = [Name: Int](minimumCapacity: source.targets.count)
    for (index, target) in source.targets.enumerated() { places[Name(target)] = index }
    var origins: [Int] = []
    origins.reserveCapacity(output.targets.count)
    for target in output.targets {
      guard let place = places.removeValue(forKey: Name(target)) else {
        throw MimoError(
          .invalidInput, "the output's model has this parameter, but the source has not"
            + (TargetMatch.reason(target, of: output, droppedBy: source).map { ": \($0)" } ?? ""),
          tensor: target.globalName,
          remedy: "Use --hf-config with the config of the model that the source holds, or another source")
      }
      let origin = source.targets[place]
      guard Made.all(origin, of: source) == Made.all(target, of: output) else {
        throw MimoError(
          .unsupported, "source and output store different functions of the weights", tensor: target.globalName,
          remedy: "Convert it --to hf first")
      }
      origins.append(place)
    }
    self.origins = origins
    drops = places.values.sorted().map { place in
      (place, TargetMatch.reason(source.targets[place], of: source, droppedBy: output) ?? "the output has no place for it")
    }
  }

  /// What a target is called in every layout.
  private struct Name: Hashable {
    let component: Int
    let name: String

    init(_ target: TargetDeclaration) {
      component = target.component
      name = target.globalName
    }
  }

  /// A piece of a target, by the name of the tensor that it is made of.
  private struct Made: Equatable {
    let region: Region
    let source: String
    let base: Int
    let strides: DimVector
    let kernel: ElementKernel?

    /// Rows that pad a vocabulary are made of nothing, and aside.
    static func all(_ target: TargetDeclaration, of model: ModelDescription) -> [Made] {
      target.fragments.compactMap { fragment in
        fragment.source.map { source in
          Made(
            region: fragment.region, source: model.sources[source].name, base: fragment.base,
            strides: fragment.strides, kernel: fragment.kernel)
        }
      }
    }
  }

  /// Why `model` leaves out the tensors that a target of `owner` is made of.
  private static func reason(
    _ target: TargetDeclaration, of owner: ModelDescription, droppedBy model: ModelDescription
  ) -> String? {
    for source in target.fragments.lazy.compactMap(\.source) {
      let name = owner.sources[source].name
      if let rule = model.drops.first(where: { Pattern.matches($0.pattern, name) }) { return rule.reason }
    }
    return nil
  }
}
