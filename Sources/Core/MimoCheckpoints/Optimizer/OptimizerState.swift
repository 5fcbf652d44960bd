import MimoContainers
import MimoMapping

/// Optimizer state that a checkpoint holds parameter by parameter: tensors with a parameter's shape and boxes, under its key
/// with a prefix.
///
/// Such a tensor is converted as its parameter is: each kind of state is a copy of the model's targets, in components of
/// their own. Source: megatron-core, `make_sharded_optimizer_tensor` (torch_dist) and `sharded_param_state_fsdp_dtensor`.
package struct OptimizerState: Sendable {
  /// `exp_avg`, `fp32_param`: all state under one prefix.
  package struct Kind: Sendable {
    /// `optimizer.state.exp_avg.`, or `chained_0.optimizer.state.exp_avg.` in a chain of optimizers.
    ///
    /// Under Megatron-FSDP it ends in the `module.` of the wrappers, and the kind stands at the end of the key.
    package var prefix: String
    /// `.exp_avg` under Megatron-FSDP, else nothing.
    package var ending = ""
    /// Parameters that have it, in the order of the description.
    package var targets: [Int]

    /// `exp_avg`, `fp32_param`.
    var name: String {
      ending.isEmpty ? String(prefix.dropLast().split(separator: ".").last ?? "") : String(ending.dropFirst())
    }
  }

  package private(set) var kinds: [Kind] = []
  /// Components of the model itself.
  let components: Int

  /// No state.
  package init(components: Int) { self.components = components }

  init(components: Int, kinds: [Kind]) {
    self.components = components
    self.kinds = kinds
  }

  /// What `checkpoint` holds for the targets of `description`.
  ///
  /// - Parameter prefixes: of each component, as its names in this checkpoint begin.
  package init(in checkpoint: DistCheckpoint, of description: ModelDescription, prefixes: [String]) {
    components = prefixes.count
    var keys: [String: Set<String>] = [:]
    for tensor in checkpoint.tensors {
      let key = DistSource.unwrapped(tensor.key)
      guard let prefix = OptimizerState.prefix(of: key) else { continue }
      keys[prefix, default: []].insert(String(key.dropFirst(prefix.count)))
    }
    kinds = keys.sorted { $0.key < $1.key }.compactMap { prefix, keys in
      let targets = description.targets.indices.filter { index in
        let target = description.targets[index]
        return DistKey.variants(of: target).contains { variant in
          keys.contains(DistKey(target, variant, segment: 0, prefix: prefixes[target.component]).key)
        }
      }
      return targets.isEmpty ? nil : Kind(prefix: prefix, targets: targets)
    }
  }

  /// The state of the same parameters in another layout.
  ///
  /// - Parameter origins: for each target there, the one here.
  package func following(_ origins: [Int]) -> OptimizerState {
    var result = self
    for index in kinds.indices {
      let held = Set(kinds[index].targets)
      result.kinds[index].targets = origins.indices.filter { held.contains(origins[$0]) }
    }
    return result
  }

  /// The model with its state behind it.
  package func added(to description: ModelDescription) -> ModelDescription {
    var result = description
    for (number, kind) in kinds.enumerated() {
      for index in kind.targets {
        var target = description.targets[index]
        target.component += components * (number + 1)
        target.kind = .buffer
        target.ending = kind.ending
        result.targets.append(target)
      }
    }
    return result
  }

  /// The model's components, then those of each kind.
  ///
  /// - Parameter names: the components without what the format puts before weights.
  package func added(
    to components: [(name: String, prefix: String)], named names: [(name: String, prefix: String)]
  ) -> [(name: String, prefix: String)] {
    components + kinds.flatMap { kind in names.map { ($0.name, kind.prefix + $0.prefix) } }
  }

  /// The layout of the model with its state, which is cut where its parameters are.
  package func followingParameters(in layout: ModelLayout) -> ModelLayout {
    var result = layout
    let owners = kinds.flatMap(\.targets)
    let first = layout.shardings.count - owners.count
    for (number, owner) in owners.enumerated() { result.shardings[first + number] = layout.shardings[owner] }
    return result
  }

  /// Up to the dot before the model's key; nil for what is no such state.
  private static func prefix(of key: String) -> String? {
    var rest = key[...]
    if rest.hasPrefix("chained_") {
      guard let dot = rest.firstIndex(of: "."), Int(rest[..<dot].dropFirst("chained_".count)) != nil else { return nil }
      rest = rest[rest.index(after: dot)...]
    }
    guard rest.hasPrefix(marker) else { return nil }
    rest = rest.dropFirst(marker.count)
    guard let dot = rest.firstIndex(of: ".") else { return nil }
    return String(key[...dot])
  }

  package static let marker = "optimizer.state."
  /// What names of parameters begin with in a state that Megatron-FSDP writes: wrappers of the optimizer's own module.
  package static let fsdpWrappers = "module.module.module."
}
