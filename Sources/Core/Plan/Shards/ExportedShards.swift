import MimoMapping
import MimoParallel
import MimoSystem
import MimoTensor

/// A shard table that a running job exported, held against a layout.
package struct ExportedShards: Sendable {
  private let path: String
  private let shards: [String: [ShardTable.Shard]]

  package init(_ table: ShardTable, path: String) {
    self.path = path
    shards = Dictionary(grouping: table.shards, by: \.name)
  }

  /// Throws where a rank does not hold what the layout says, a parameter is missing or unknown.
  package func check(_ layout: ModelLayout) throws(MimoError) {
    var known: Set<String> = []
    for index in layout.description.targets.indices {
      let target = layout.description.targets[index]
      let key = DistKey(
        target, DistKey.Form.torchDist.moduleVariant(of: target), segment: 0,
        prefix: layout.components[target.component].prefix)
      let exported = try find(key, isParameter: target.kind == .parameter)
      known.insert(key.key)
      let ranks = layout.components[target.component].grid.ranks
      for shard in exported where !shard.isEmpty && !ranks.contains(shard.rank) { throw superfluous(shard) }
      for rank in ranks where !exported.isEmpty {
        let expected = layout.shards(of: index, on: rank, .torchDist)
        let own = exported.filter { $0.rank == rank && !$0.isEmpty }
        guard Set(own) != Set(expected) else { continue }
        throw contradiction(key.key, rank, own.first, expected.first)
      }
    }
    try checkNames(known)
  }

  /// The layout with the rows shared out as the table says.
  package func sharingRows(_ layout: ModelLayout) throws(MimoError) -> ModelLayout {
    let naming = FSDPKeys(layout.description)
    var known: Set<String> = []
    var copy = layout
    for (index, target) in layout.description.targets.enumerated() where target.shape.rank > 0 {
      let sharding = layout.shardings[index]
      let variant = naming.variant(of: target)
      try FSDPKeys.checkOrder(target, sharding, parts: variant.parts)
      let grid = layout.components[target.component].grid
      var parts: [RowCuts] = []
      for segment in variant.segments(of: target) {
        let key = DistKey(target, variant, segment: segment, prefix: layout.components[target.component].prefix)
        known.insert(key.key)
        let exported = try find(key, isParameter: target.kind == .parameter)
        guard target.kind == .parameter else { continue }
        parts.append(try cuts(key, segment, variant, exported, sharding, grid))
      }
      guard target.kind == .parameter else { continue }
      copy.shardings[index] =
        variant.parts == .together ? try sharding.sharingRows(parts[0]) : try sharding.sharingRows(parts)
    }
    try checkNames(known)
    return copy
  }

  // MARK: One key

  /// The rows of a key that each rank of the fsdp axis holds: the same on all tp ranks.
  private func cuts(
    _ key: DistKey, _ segment: Int, _ variant: DistKey.Variant, _ exported: [ShardTable.Shard], _ sharding: Sharding,
    _ grid: RankGrid
  ) throws(MimoError) -> RowCuts {
    var held: [Int: ShardTable.Shard] = [:]
    for shard in exported {
      guard grid.ranks.contains(shard.rank), sharding.shard(on: shard.rank) != nil else {
        if shard.isEmpty { continue }
        throw superfluous(shard)
      }
      guard held.updateValue(shard, forKey: shard.rank) == nil else {
        throw MimoError(.invalidInput, "rank \(shard.rank) has it twice", path: path, tensor: key.key)
      }
    }
    var bounds = [Int?](repeating: nil, count: sharding.fsdpSize + 1)
    bounds[0] = 0
    let places = grid.ranks.compactMap { rank in
      sharding.shard(on: rank).map { (rank: rank, shard: $0, place: sharding.fsdpRank(of: rank)) }
    }
    for (rank, shard, place) in places.sorted(by: { ($0.place, $0.rank) < ($1.place, $1.rank) }) {
      let pieces = variant.boxes(Array(sharding.pieces(ofShard: shard)), of: sharding)
      guard let piece = pieces.first(where: { $0.segment == segment }), let start = bounds[place] else {
        throw MimoError(.internalError, "a part without a shard", tensor: key.key)
      }
      let whole = key.stored(piece.region)
      let end = try rows(of: held[rank], key, rank, from: start, in: whole)
      guard bounds[place + 1] == nil || bounds[place + 1] == end else {
        var other = whole
        other.extent[0] = (bounds[place + 1] ?? end) - start
        throw contradiction(
          key.key, rank, held[rank], shardOf(key, rank, other))
      }
      bounds[place + 1] = end
      guard place < sharding.fsdpSize - 1 || end == whole.extent[0] else {
        throw MimoError(
          .layout, "the table leaves \(whole.extent[0] - end) of the \(whole.extent[0]) rows of tensor parallel shard \(shard) to no rank",
          path: path, tensor: key.key, remedy: "Export the table from all ranks")
      }
    }
    return RowCuts(bounds: bounds.compactMap { $0 })
  }

  /// Where a rank's rows end, which begin at `start` of the tensor parallel shard.
  private func rows(
    of shard: ShardTable.Shard?, _ key: DistKey, _ rank: Int, from start: Int, in whole: Region
  ) throws(MimoError) -> Int {
    guard let shard, !shard.isEmpty else { return start }
    var expected = whole
    expected.offset[0] += start
    expected.extent[0] = min(shard.localShape.dims[0], whole.extent[0] - start)
    guard shard.region == expected else {
      expected.extent[0] = whole.extent[0] - start
      throw contradiction(key.key, rank, shard, shardOf(key, rank, expected))
    }
    return start + expected.extent[0]
  }

  private func shardOf(_ key: DistKey, _ rank: Int, _ region: Region) -> ShardTable.Shard {
    ShardTable.Shard(
      name: key.key, rank: rank, globalShape: key.shape, localShape: LocalShape(region.extent), offset: region.offset)
  }

  /// What the table has under a key, with or without what stands before the state dict's own names.
  private func find(_ key: DistKey, isParameter: Bool) throws(MimoError) -> [ShardTable.Shard] {
    let found = shards[key.key] ?? shards[ExportedShards.stateDictName(key.key)]
    guard let found else {
      // Buffers are no DTensors: a job may leave them out.
      guard isParameter else { return [] }
      throw MimoError(
        .layout, "the table has no shards of it", path: path, tensor: key.key,
        remedy: "Export the table from the same model")
    }
    for shard in found where shard.globalShape != key.shape {
      throw MimoError(
        .layout, "rank \(shard.rank) has the global shape \(shard.globalShape), the layout \(key.shape)", path: path,
        tensor: key.key, remedy: "Export global shapes, not those of one rank, from the same model")
    }
    return found
  }

  private static func stateDictName(_ key: String) -> String {
    key.hasPrefix(FSDPKeys.root) ? String(key.dropFirst(FSDPKeys.root.count)) : key
  }

  private func checkNames(_ known: Set<String>) throws(MimoError) {
    let names = known.union(known.map(ExportedShards.stateDictName))
    guard let unknown = shards.keys.filter({ !names.contains($0) }).min() else { return }
    throw MimoError(
      .layout, "the model has no such parameter in this layout", path: path, tensor: unknown,
      remedy: "Export the table from the same model, with the names of its state dict")
  }

  // MARK: Errors

  private func contradiction(
    _ name: String, _ rank: Int, _ exported: ShardTable.Shard?, _ expected: ShardTable.Shard?
  ) -> MimoError {
    func words(_ shard: ShardTable.Shard?) -> String { shard.map { "\($0.localShape) at \($0.offset)" } ?? "nothing" }
    return MimoError(
      .layout, "rank \(rank) holds \(words(exported)) by the table, \(words(expected)) by the layout", path: path,
      tensor: name, remedy: "Give the layout of the job that exported the table")
  }

  private func superfluous(_ shard: ShardTable.Shard) -> MimoError { contradiction(shard.name, shard.rank, shard, nil) }
}
