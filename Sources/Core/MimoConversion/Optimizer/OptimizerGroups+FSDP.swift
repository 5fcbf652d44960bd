import MimoCheckpoints
import MimoContainers
import MimoMapping
import MimoParallel
import MimoSystem
import MimoTensor

/// `fsdp_dtensor`: each setting of each parameter's group is an entry of its own under the parameter's name.
///
/// Source: megatron-core 0.19.2 `_param_groups_to_param2group_meta`.
extension OptimizerGroups {
  /// - Parameters:
  ///   - prefixes: of each component's names, without the `module.` of wrappers.
  ///   - hasState: parallel to the model's targets.
  init(
    fsdp entries: FSDPTrainingEntries, of model: ModelDescription, prefixes: [String], hasState: [Bool]
  ) throws(OptimizerObstacle) {
    if let key = entries.unreadable { throw OptimizerObstacle("\(key) is not made of numbers and words") }
    let naming = FSDPKeys(model)
    var steps = entries.steps
    let told = try OptimizerGroups(of: model.targets.indices) { index throws(OptimizerObstacle) in
      guard hasState[index] else { return nil }
      let target = model.targets[index]
      // Names in groups are those of whole parameters.
      let names = naming.variants(of: target).map { variant in
        DistKey(target, .init(key: variant.key, parts: .together), segment: 0, prefix: prefixes[target.component]).key
      }
      guard let settings = names.lazy.compactMap({ entries.groups[$0] }).first else {
        throw OptimizerObstacle("param_to_group_meta has no group for \(target.globalName)")
      }
      return ParameterGroup(settings)
    }
    steps.formUnion(told.groups.compactMap { $0["step"]?.wholeNumber })
    guard let step = steps.first, steps.count == 1, step.intValue != nil else {
      throw OptimizerObstacle(
        "its entries tell \(steps.count) steps: torch_dist has one whole number for all parameters")
    }
    try self.init(of: model.targets.indices) { index throws(OptimizerObstacle) in
      var group = told[index]
      group?["step"] = step
      return group
    }
  }

  /// Groups and steps as entries of a checkpoint of `model`.
  ///
  /// Both forms of a step are written: FusedAdam has it in the group, torch's Adam in each parameter's state.
  func entries(of model: ModelDescription, prefixes: [String]) throws(MimoError) -> [DistOutput.Entry] {
    let naming = FSDPKeys(model)
    var items: [[(name: String, item: [UInt8])]] = []
    for group in groups {
      items.append(
        group.settings.compactMap { setting in
          setting.key.stringValue.map { ($0, TorchZipItem.object(setting.value)) }
        })
    }
    var entries: [DistOutput.Entry] = []
    for (target, place) in zip(model.targets, places) {
      guard let place else { continue }
      let name = DistKey(
        target, .init(key: target.name, parts: .together), segment: 0,
        prefix: FSDPTrainingEntries.groupPrefix + OptimizerState.fsdpWrappers + prefixes[target.component]).key
      entries += items[place].map { DistOutput.Entry("\(name).\($0.name)", item: $0.item) }
    }
    return try entries + stepEntries(of: model, prefixes: prefixes, naming)
  }

  private func stepEntries(
    of model: ModelDescription, prefixes: [String], _ naming: FSDPKeys
  ) throws(MimoError) -> [DistOutput.Entry] {
    let items = try groups.map { group throws(MimoError) in
      let bits = Float(group["step"]?.intValue ?? 0).bitPattern
      return TorchZipItem.object(
        try .tensor(dtype: .f32, dims: [], storage: 0),
        storages: [(0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }])
    }
    var entries: [DistOutput.Entry] = []
    for (target, place) in zip(model.targets, places) {
      guard let place else { continue }
      var state = target
      state.ending = FSDPTrainingEntries.stepEnding
      let variant = naming.variant(of: target)
      for segment in variant.segments(of: state) {
        let key = DistKey(
          state, variant, segment: segment,
          prefix: OptimizerState.marker + OptimizerState.fsdpWrappers + prefixes[target.component])
        entries.append(.init(key.key, item: items[place], scalar: .f32))
      }
    }
    return entries
  }
}
