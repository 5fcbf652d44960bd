import MimoContainers
import MimoMapping
import MimoParallel

/// Which group of an optimizer each parameter of a model is in, apart from how a format tells of it.
struct OptimizerGroups {
  private(set) var groups: [ParameterGroup] = []
  /// Parallel to the model's targets: into `groups`; nil for a target without state.
  private(set) var places: [Int?]

  /// - Parameter group: that of a target.
  init(
    of targets: Range<Int>, _ group: (Int) throws(OptimizerObstacle) -> ParameterGroup?
  ) throws(OptimizerObstacle) {
    var known: [ParameterGroup: Int] = [:]
    places = []
    for target in targets {
      guard let group = try group(target) else {
        places.append(nil)
        continue
      }
      if known[group] == nil {
        known[group] = groups.count
        groups.append(group)
      }
      places.append(known[group])
    }
  }

  subscript(target: Int) -> ParameterGroup? { places[target].map { groups[$0] } }

  /// Whether experts have process groups of their own, and so an optimizer of their own.
  ///
  /// Source: megatron-core 0.19.2 `use_expert_pgs`; its own ones stay with the others where etp is tp and ep is 1.
  static func expertsAreApart(in layout: ComponentLayout) -> Bool { layout.ep > 1 || layout.etp != layout.tp }

  /// The same with the groups that a trainer makes where experts have an optimizer of their own, or have not.
  ///
  /// Source: megatron-core 0.19.2 `_get_param_groups`.
  func formed(expertsAreApart: Bool, _ model: ModelDescription) throws(OptimizerObstacle) -> OptimizerGroups {
    let formed = try OptimizerGroups(of: places.indices) { target throws(OptimizerObstacle) in
      guard var group = self[target] else { return nil }
      group.isExpertParallel = expertsAreApart && model.targets[target].expert != nil
      return group
    }
    try formed.checkIdentities()
    return formed
  }

  /// What a running optimizer has as one group has the same settings everywhere.
  private func checkIdentities() throws(OptimizerObstacle) {
    var known: [[PickleValue]: ParameterGroup] = [:]
    for group in groups {
      guard let other = known.updateValue(group, forKey: group.identity()) else { continue }
      let names = group.settings.compactMap(\.key.stringValue).filter { group[$0] != other[$0] }
      throw OptimizerObstacle(
        "parameters that are one group in OUT's layout have different \(names.joined(separator: ", "))")
    }
  }
}

/// Why an optimizer's state cannot go where its parameters go.
struct OptimizerObstacle: Error {
  let reason: String

  init(_ reason: String) { self.reason = reason }
}
