import MimoMapping
import MimoParallel
import MimoTensor

extension ModelLayout {
  /// What each rank holds of each parameter, in the order of the module, rank by rank.
  ///
  /// - Parameters:
  ///   - form: who names the tensors; a key is a parameter of its own where the format has keys for parts.
  ///   - rank: this one only; nil for all.
  package func shardTable(_ form: DistKey.Form, rank: Int? = nil) -> ShardTable {
    let targets = description.targets.indices
    let names = targets.map(globalName) + description.aliases.map(name(of:))
    var shards: [ShardTable.Shard] = []
    for index in ModuleOrder.sorted(names) {
      guard targets.contains(index) else {
        shards += copies(of: description.aliases[index - targets.count]).filter { rank == nil || rank == $0.rank }
        continue
      }
      let grid = components[description.targets[index].component].grid
      for holder in grid.ranks where rank == nil || rank == holder {
        shards += self.shards(of: index, on: holder, form)
      }
    }
    return ShardTable(shards)
  }

  /// The boxes of one target on one rank, under the keys of a format.
  func shards(of index: Int, on rank: Int, _ form: DistKey.Form) -> [ShardTable.Shard] {
    boxes(Array(shardings[index].pieces(on: rank)), of: index, on: rank, form.moduleVariant(of: description.targets[index]))
  }

  /// The boxes of the copies that the last stage holds, under their own name.
  func copies(of alias: AliasDeclaration) -> [ShardTable.Shard] {
    let variant = DistKey.Variant(key: alias.name, parts: .together)
    return holders(of: alias).flatMap { rank, shard in
      boxes(Array(shardings[alias.target].pieces(ofShard: shard)), of: alias.target, on: rank, variant)
    }
  }

  private func boxes(
    _ pieces: [ShardPiece], of index: Int, on rank: Int, _ variant: DistKey.Variant
  ) -> [ShardTable.Shard] {
    let target = description.targets[index]
    let prefix = components[target.component].prefix
    return variant.boxes(pieces, of: shardings[index]).map { piece in
      let key = DistKey(target, variant, segment: piece.segment, prefix: prefix)
      let region = key.stored(piece.region)
      return ShardTable.Shard(
        name: key.key, rank: rank, globalShape: key.shape, localShape: LocalShape(region.extent), offset: region.offset)
    }
  }
}

extension DistKey.Form {
  /// A target as a parameter of the module; only Megatron-FSDP's state dict tells the parts of one apart.
  func moduleVariant(of target: TargetDeclaration) -> DistKey.Variant {
    switch self {
    case .torchDist: DistKey.Variant(key: target.name, parts: .together)
    case .fsdp(let keys): keys.variant(of: target)
    }
  }
}
