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
    for (index, target) in layout.description.targets.enumerated() {
      let variant = DistKey.Form.torchDist.moduleVariant(of: target)
      let component = layout.components[target.component]
      let key = DistKey(target, variant, segment: 0, prefix: component.prefix)
      known.insert(key.key)
      let exported = try find(key, isParameter: target.kind == .parameter)
      for shard in exported where !shard.isEmpty && !component.grid.ranks.contains(shard.rank) {
        throw ExportedShards.contradiction(shard.name, shard.rank, shard, nil, path: path)
      }
      for rank in component.grid.ranks where !exported.isEmpty {
        let expected = layout.shards(of: index, on: rank, .torchDist)
        let own = exported.filter { $0.rank == rank && !$0.isEmpty }
        guard Set(own) != Set(expected) else { continue }
        throw ExportedShards.contradiction(key.key, rank, own.first, expected.first, path: path)
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
      let variant = naming.variant(of: target)
      let component = layout.components[target.component]
      let sharding = layout.shardings[index]
      try FSDPKeys.checkOrder(target, sharding, parts: variant.parts)
      var parts: [RowCuts] = []
      for segment in variant.segments(of: target) {
        let key = DistKey(target, variant, segment: segment, prefix: component.prefix)
        known.insert(key.key)
        let exported = try find(key, isParameter: target.kind == .parameter)
        guard target.kind == .parameter else { continue }
        let rows = ExportedRows(
          key: key, segment: segment, variant: variant, sharding: sharding, grid: component.grid, path: path)
        parts.append(try rows.cuts(exported))
      }
      guard let first = parts.first else { continue }
      copy.shardings[index] = try variant.parts == .together ? sharding.sharingRows(first) : sharding.sharingRows(parts)
    }
    try checkNames(known)
    return copy
  }

  /// What the table has under a key, with or without what stands before the state dict's own names.
  private func find(_ key: DistKey, isParameter: Bool) throws(MimoError) -> [ShardTable.Shard] {
    guard let found = shards[key.key] ?? shards[ExportedShards.stateDictName(key.key)] else {
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

  static func contradiction(
    _ name: String, _ rank: Int, _ exported: ShardTable.Shard?, _ expected: ShardTable.Shard?, path: String
  ) -> MimoError {
    func words(_ shard: ShardTable.Shard?) -> String { shard.map { "\($0.localShape) at \($0.offset)" } ?? "nothing" }
    return MimoError(
      .layout, "rank \(rank) holds \(words(exported)) by the table, \(words(expected)) by the layout", path: path,
      tensor: name, remedy: "Give the layout of the job that exported the table")
  }
}
