import MimoMapping

/// The same state of the same parameters under other keys: from `torch_dist` to `fsdp_dtensor` and back, and out of a chain
/// of optimizers.
///
/// Weights under Megatron-FSDP are what `torch_dist` keeps as FP32 masters in the optimizer's state, beside weights that
/// are rounded from them. Source: megatron-core 0.19.2 `sharded_param_state_fully_reshardable` and Megatron-FSDP's
/// `state_dict`.
extension OptimizerState {
  /// The other format's state, and where it comes from.
  package struct Crossing: Sendable {
    package let state: OptimizerState
    /// For each target of the output with its state behind it, the source's.
    package let origins: [Int]
    /// Weights of the source that OUT has in more bits, from the optimizer.
    package let replaced: [Int]
  }

  /// State that both formats have: megatron-core 0.19.2 splits no other into the parts that have keys of their own.
  private static let moments = ["exp_avg", "exp_avg_sq"]
  /// `fully_reshardable`, and other forms.
  private static let masters = ["param", "fp32_param"]

  /// Kinds that the other format has no place for.
  package var strangers: [String] {
    Set(kinds.map(\.name)).subtracting(OptimizerState.moments + OptimizerState.masters).sorted()
  }

  /// In `fsdp_dtensor`.
  ///
  /// - Parameters:
  ///   - weights: for each parameter of the output, the source's.
  ///   - count: targets of the source's model.
  package func crossingToFSDP(_ weights: [Int], count: Int) -> Crossing {
    let places = places(behind: count)
    let masters = OptimizerState.masters.compactMap { places[$0] }
    var origins = weights.map { weight in masters.lazy.compactMap { $0[weight] }.first ?? weight }
    let replaced = zip(weights, origins).filter { $0 != $1 }.map(\.0)
    var crossed: [Kind] = []
    for name in OptimizerState.moments {
      guard let state = places[name] else { continue }
      let targets = weights.indices.filter { state[weights[$0]] != nil }
      origins += targets.compactMap { state[weights[$0]] }
      crossed.append(Kind(prefix: OptimizerState.marker + OptimizerState.fsdpWrappers, ending: "." + name, targets: targets))
    }
    return Crossing(state: OptimizerState(components: components, kinds: crossed), origins: origins, replaced: replaced)
  }

  /// In `torch_dist`, fully reshardable.
  package func crossingToTorchDist(_ weights: [Int], count: Int) -> Crossing {
    let places = places(behind: count)
    var origins = weights
    let held = weights.indices.filter { index in places.values.contains { $0[weights[index]] != nil } }
    origins += held.map { weights[$0] }
    var crossed = [Kind(prefix: OptimizerState.marker + "param.", targets: held)]
    for name in OptimizerState.moments {
      guard let state = places[name] else { continue }
      let targets = weights.indices.filter { state[weights[$0]] != nil }
      origins += targets.compactMap { state[weights[$0]] }
      crossed.append(Kind(prefix: OptimizerState.marker + name + ".", targets: targets))
    }
    return Crossing(state: OptimizerState(components: components, kinds: crossed), origins: origins, replaced: [])
  }

  /// In `torch_dist` as one state, whatever chain of optimizers it was in.
  package func unchained(_ weights: [Int], count: Int) -> Crossing {
    var origins = weights
    var kinds: [Kind] = []
    for (name, state) in places(behind: count).sorted(by: { $0.key < $1.key }) {
      let targets = weights.indices.filter { state[weights[$0]] != nil }
      origins += targets.compactMap { state[weights[$0]] }
      kinds.append(Kind(prefix: OptimizerState.marker + name + ".", targets: targets))
    }
    return Crossing(state: OptimizerState(components: components, kinds: kinds), origins: origins, replaced: [])
  }

  /// Parallel to the targets of a model: whether there is state of it.
  package func holds(_ count: Int) -> [Bool] {
    var held = [Bool](repeating: false, count: count)
    for target in kinds.lazy.flatMap(\.targets) { held[target] = true }
    return held
  }

  /// Targets of the masters, behind the model's `count`.
  package func masterTargets(behind count: Int) -> [Int] {
    let places = places(behind: count)
    return OptimizerState.masters.flatMap { places[$0].map { Array($0.values) } ?? [] }
  }

  /// Kind -> parameter -> its state's target, behind the model's `count`.
  private func places(behind count: Int) -> [String: [Int: Int]] {
    var places: [String: [Int: Int]] = [:]
    var next = count
    for kind in kinds {
      for target in kind.targets {
        places[kind.name, default: [:]][target] = next
        next += 1
      }
    }
    return places
  }
}
