import MimoContainers
import MimoMapping
import MimoTensor

/// `torch_dist`: the common state has a list of groups for each optimizer of a chain, and does not say what is in them.
extension OptimizerGroups {
  /// Gives each parameter the group that Megatron's rules put it in.
  ///
  /// - Parameters:
  ///   - hasState: parallel to the model's targets.
  init(common: PickleValue, of model: ModelDescription, hasState: [Bool]) throws(OptimizerObstacle) {
    let choice = try GroupChoice(common)
    try self.init(of: model.targets.indices) { target throws(OptimizerObstacle) in
      hasState[target] ? try choice.group(of: model.targets[target]) : nil
    }
  }

  /// The common state's `optimizer`: one optimizer, or those of dense parameters and of experts.
  ///
  /// Source: megatron-core 0.19.2 `DistributedOptimizer.sharded_state_dict`, `ChainedOptimizer.sharded_state_dict`.
  ///
  /// - Parameter former: the common state that has other such entries; what they tell beside groups is kept.
  func common(like former: PickleValue?) -> PickleValue {
    let chain = [groups.filter { !$0.isExpertParallel }, groups.filter(\.isExpertParallel)].filter { !$0.isEmpty }
    let model = former.flatMap { OptimizerStates(in: $0["optimizer"] ?? .none).states.first } ?? OptimizerGroups.optimizer
    let optimizers = chain.map { groups in
      // A trainer makes the group without overrides first.
      let ordered = groups.filter { $0.hasWeightDecay != false } + groups.filter { $0.hasWeightDecay == false }
      return OptimizerStates.replacingGroups(of: model, by: .list(ordered.map { .dict($0.settings) }))
    }
    if optimizers.count == 1 { return optimizers[0] }
    return .dict(optimizers.enumerated().map { PicklePair(.int(Int64($0.offset)), $0.element) })
  }

  /// How many optimizers a common state tells of; nil for none.
  static func chainLength(in common: PickleValue) -> Int? {
    let count = OptimizerStates(in: common["optimizer"] ?? .none).states.count
    return count == 0 ? nil : count
  }

  /// Whether groups in a common state list their parameters, as they do without the distributed optimizer.
  static func numberParameters(in common: PickleValue) -> Bool {
    OptimizerStates(in: common["optimizer"] ?? .none).states.contains { state in
      (OptimizerStates.groups(of: state) ?? []).contains { $0["params"] != nil }
    }
  }

  /// What `content_metadata` says so that a loader asks for these keys.
  static let fullyReshardable: [PicklePair] = [
    PicklePair(.string("distrib_optim_sharding_type"), .string(sharding)),
    PicklePair(.string("distrib_optim_fully_reshardable_mem_efficient"), .bool(false)),
  ] + withoutPrefix
  /// The same of keys that do not tell the optimizer of a chain.
  static let withoutPrefix: [PicklePair] = [PicklePair(.string("chained_optim_avoid_prefix"), .bool(true))]

  private static let sharding = "fully_reshardable"
  private static let optimizer = PickleValue.record([
    "optimizer": .record(["param_groups": .list([])]), "param_state_sharding_type": .string(sharding),
  ])
}

/// The states of the optimizers in a common state's `optimizer`, which is one of them, or a chain.
private struct OptimizerStates {
  let states: [PickleValue]

  init(in value: PickleValue) {
    func have(_ states: [PickleValue]) -> [PickleValue] { states.filter { OptimizerStates.groups(of: $0) != nil } }
    if OptimizerStates.groups(of: value) != nil {
      states = [value]
    } else if case .dict(let pairs) = value {
      states = have(pairs.map(\.value))
    } else if case .list(let values) = value {
      states = have(values)
    } else {
      states = []
    }
  }

  static func groups(of state: PickleValue) -> [PickleValue]? {
    guard case .list(let groups)? = state["optimizer"]?["param_groups"] ?? state["param_groups"] else { return nil }
    return groups
  }

  static func replacingGroups(of state: PickleValue, by groups: PickleValue) -> PickleValue {
    guard case .dict(var pairs) = state else { return state }
    for index in pairs.indices {
      if pairs[index].key == .string("param_groups") { pairs[index].value = groups }
      if pairs[index].key == .string("optimizer") {
        pairs[index].value = replacingGroups(of: pairs[index].value, by: groups)
      }
    }
    return .dict(pairs)
  }
}

/// Megatron's rules of which parameter is in which group, and the groups that a checkpoint has.
///
/// Source: megatron-core 0.19.2 `get_standard_config_overrides`, `_get_param_groups`.
private struct GroupChoice {
  private let groups: [ParameterGroup]
  /// `--apply-wd-to-qk-layernorm`
  private let decaysQKNorms: Bool

  init(_ common: PickleValue) throws(OptimizerObstacle) {
    decaysQKNorms = common["args"]?["apply_wd_to_qk_layernorm"]?.boolValue ?? false
    var found: [ParameterGroup] = []
    for optimizer in OptimizerStates(in: common["optimizer"] ?? .none).states {
      found += try GroupChoice.groups(of: optimizer)
    }
    guard !found.isEmpty else { throw OptimizerObstacle("the common state has no param_groups") }
    let steps = Set(found.compactMap { $0["step"]?.wholeNumber })
    guard let step = steps.first, steps.count == 1, step.intValue != nil else {
      throw OptimizerObstacle(
        "the groups in the common state tell \(steps.count) steps: one whole number is needed for all parameters")
    }
    groups = found.map { group in
      var group = group
      group["step"] = step
      return group
    }
  }

  /// Without the distributed optimizer all parameters' step stands beside the groups.
  private static func groups(of state: PickleValue) throws(OptimizerObstacle) -> [ParameterGroup] {
    let common = (state["optimizer"]?["state"] ?? state["state"])?["common_step"]
    return try (OptimizerStates.groups(of: state) ?? []).map { value throws(OptimizerObstacle) in
      guard case .dict(let settings) = value else { throw OptimizerObstacle("a group in the common state is no dict") }
      var group = ParameterGroup(settings)
      if group["step"] == nil { group["step"] = common }
      return group
    }
  }

  func group(of target: TargetDeclaration) throws(OptimizerObstacle) -> ParameterGroup {
    let experts = groups.filter(\.isExpertParallel)
    let candidates =
      target.expert != nil && !experts.isEmpty ? experts : groups.filter { !$0.isExpertParallel }
    let distinct = candidates.enumerated().filter { !candidates[..<$0.offset].contains($0.element) }.map(\.element)
    if distinct.count == 1 { return distinct[0] }
    let rest = Set(distinct.map { $0.identity(without: ["wd_mult"]) })
    let decayed = distinct.filter { $0.hasWeightDecay == true }
    let others = distinct.filter { $0.hasWeightDecay == false }
    guard rest.count == 1, decayed.count == 1, others.count == 1 else {
      throw OptimizerObstacle(
        "of \(distinct.count) groups in the common state it is not known which has \(target.globalName):"
          + " torch_dist does not tell")
    }
    return isDecayed(target) ? decayed[0] : others[0]
  }

  private func isDecayed(_ target: TargetDeclaration) -> Bool {
    let name = target.globalName
    if decaysQKNorms, ["q_layernorm.", "k_layernorm."].contains(where: { name.contains($0) }) { return true }
    return target.shape.rank != 1 && !name.hasSuffix(".bias")
  }
}
