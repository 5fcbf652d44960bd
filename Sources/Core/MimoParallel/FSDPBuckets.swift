import MimoSystem
import MimoTensor

/// Which parameters share a flat buffer under Megatron-FSDP, and with that where their rows are cut.
///
/// A layer's parameters share one, those outside of layers are put together until there are enough; routed experts and
/// other dtypes have buffers of their own. Source: megatron-core 0.19.2 `_get_parameter_groups`, with the units of
/// `FullyShardedDataParallel` (transformer and Mamba layers) under `optim_grads_params`. Frozen parameters and other
/// sizes of buckets make other cuts, which only the running job knows.
package struct FSDPBuckets {
  /// A parameter as a rank holds it without fsdp.
  package struct Parameter {
    /// Name in the module, with global numbers of layers.
    package var name: String
    package var dtype: DType
    package var shape: LocalShape
    /// nil for what is no routed expert.
    package var expertRank: Int?

    package init(name: String, dtype: DType, shape: LocalShape, expertRank: Int?) {
      self.name = name
      self.dtype = dtype
      self.shape = shape
      self.expertRank = expertRank
    }
  }

  /// What all parameters of a bucket agree in.
  private struct Group: Hashable {
    var unit: Substring?
    var dtype: DType
    var expertRank: Int?
  }

  /// Parallel to the parameters.
  package let cuts: [RowCuts]

  /// - Parameters:
  ///   - parameters: those of one wrapped module, in its order.
  ///   - ranks: ranks of the fsdp axis, for routed experts and for the rest.
  package init(
    _ parameters: [Parameter], ranks: (expert: Int, dense: Int)
  ) throws(MimoError) {
    var groups: [Group: Int] = [:]
    var buckets: [(group: Group, members: [Int], elements: Int)] = []
    for (index, parameter) in parameters.enumerated() {
      let unit = FSDPBuckets.unit(of: parameter.name)
      let group = Group(unit: unit, dtype: parameter.dtype, expertRank: parameter.expertRank)
      let number = groups[group] ?? buckets.count
      if number == buckets.count {
        groups[group] = number
        buckets.append((group, [], 0))
      }
      buckets[number].members.append(index)
      buckets[number].elements = saturatingSum([buckets[number].elements, parameter.shape.elementCount ?? 0])
      if unit == nil, buckets[number].elements >= FSDPBuckets.enough(ranks: ranks.dense) { groups[group] = nil }
    }
    var cuts = [RowCuts?](repeating: nil, count: parameters.count)
    for bucket in buckets {
      let buffer = try FlatBuffer(bucket.members.map { parameters[$0].shape })
      for (place, member) in bucket.members.enumerated() {
        cuts[member] = try buffer.cuts(of: place, over: bucket.group.expertRank == nil ? ranks.dense : ranks.expert)
      }
    }
    self.cuts = cuts.compactMap { $0 }
  }

  /// Elements after which a bucket outside of layers is full. Source: Megatron-LM `resolve_ddp_bucket_size`.
  private static func enough(ranks: Int) -> Int { max(40_000_000, 1_000_000 * ranks) }

  /// The layer that a parameter is in: `decoder.layers.3`, or the layer inside of a prediction layer.
  static func unit(of name: String) -> Substring? {
    let parts = name.split(separator: ".")
    var start = 0
    if let mtp = parts.firstIndex(of: "mtp") {
      guard parts.count > mtp + 4, parts[mtp + 3] == "mtp_model_layer" else { return nil }
      start = mtp + 4
      if parts[start] != "layers" { return name[..<parts[mtp + 3].endIndex] }
    }
    for place in start..<max(start, parts.count - 2) where parts[place] == "layers" && Int(parts[place + 1]) != nil {
      return name[..<parts[place + 1].endIndex]
    }
    return nil
  }
}
