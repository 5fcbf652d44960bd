import MimoContainers
import MimoMapping
import MimoTensor

/// State under Megatron-FSDP: `optimizer.state.module.module.module.<name>.exp_avg`, in the parts that the parameter has.
extension OptimizerState {
  /// What `checkpoint` holds for the targets of `description`.
  ///
  /// - Parameter prefixes: of each component, without the `module.` of wrappers.
  package init(inFSDP checkpoint: DistCheckpoint, of description: ModelDescription, prefixes: [String]) {
    var shapes: [Heading: [String: GlobalShape]] = [:]
    for tensor in checkpoint.tensors where tensor.shape.rank > 0 {
      guard let heading = Heading(tensor.key) else { continue }
      shapes[heading, default: [:]][DistSource.unwrapped(tensor.key)] = tensor.shape
    }
    let naming = FSDPKeys(description)
    let kinds: [Kind] = shapes.sorted { $0.key < $1.key }.compactMap { heading, shapes in
      let targets = description.targets.indices.filter { index in
        var target = description.targets[index]
        target.ending = heading.ending
        let prefix = OptimizerState.marker + prefixes[target.component]
        return naming.variants(of: target).contains { OptimizerState.isHeld(target, $0, prefix: prefix, in: shapes) }
      }
      return targets.isEmpty ? nil : Kind(prefix: heading.prefix, ending: heading.ending, targets: targets)
    }
    self.init(components: prefixes.count, kinds: kinds)
  }

  /// Whether all parts of a target are there with its shape: megatron-core 0.19.2 cuts `exp_avg` and `exp_avg_sq` alone
  /// into the parts of a gated projection, and stores all else whole under both names.
  private static func isHeld(
    _ target: TargetDeclaration, _ variant: DistKey.Variant, prefix: String, in shapes: [String: GlobalShape]
  ) -> Bool {
    variant.segments(of: target).allSatisfy { segment in
      let key = DistKey(target, variant, segment: segment, prefix: prefix)
      guard let shape = shapes[key.key], shape.rank == key.shape.rank else { return false }
      return target.isVocabulary || shape == key.shape
    }
  }

  /// What the keys of one kind of state have in common.
  private struct Heading: Hashable, Comparable {
    let prefix: String
    let ending: String

    /// nil for a key that is no state.
    init?(_ key: String) {
      guard key.hasPrefix(OptimizerState.marker), let dot = key.lastIndex(of: ".") else { return nil }
      var rest = key.dropFirst(OptimizerState.marker.count)
      while rest.hasPrefix(FSDPKeys.wrapper) { rest = rest.dropFirst(FSDPKeys.wrapper.count) }
      prefix = String(key[..<rest.startIndex])
      ending = String(key[dot...])
    }

    static func < (a: Heading, b: Heading) -> Bool { (a.prefix, a.ending) < (b.prefix, b.ending) }
  }
}
