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
    try checkRanks(layout)
    var known: Set<String> = []
    let copies = Dictionary(grouping: layout.description.aliases, by: layout.name(of:))
    for (index, target) in layout.description.targets.enumerated() {
      let variant = DistKey.Form.torchDist.moduleVariant(of: target)
      let component = layout.components[target.component]
      let key = DistKey(target, variant, segment: 0, prefix: component.prefix)
      known.insert(key.key)
      let exported = try find(key.key, key.shape, isNeeded: target.kind == .parameter)
      try check(exported, key.key, component.grid.ranks, copies: (copies[key.key] ?? []).flatMap(layout.copies)) { rank in
        layout.shards(of: index, on: rank, .torchDist)
      }
    }
    for (name, aliases) in copies.sorted(by: { $0.key < $1.key }) where !known.contains(name) {
      let shards = aliases.flatMap(layout.copies)
      guard let first = shards.first, let alias = aliases.first else { continue }
      known.insert(name)
      let ranks = layout.components[layout.description.targets[alias.target].component].grid.ranks
      try check(try find(name, first.globalShape, isNeeded: false), name, ranks, copies: shards) { _ in [] }
    }
    try checkNames(known)
  }

  /// - Parameter copies: what the last stage holds under this name besides; a table may leave out all of them.
  private func check(
    _ exported: [ShardTable.Shard], _ name: String, _ ranks: Range<Int>, copies: [ShardTable.Shard],
    held: (Int) -> [ShardTable.Shard]
  ) throws(MimoError) {
    guard !exported.isEmpty else { return }
    for shard in exported where !shard.isEmpty && !ranks.contains(shard.rank) {
      throw ExportedShards.contradiction(shard.name, shard.rank, shard, nil, path: path)
    }
    let holders = Set(copies.map(\.rank))
    let hasCopies = exported.contains { !$0.isEmpty && holders.contains($0.rank) }
    for rank in ranks {
      let expected = held(rank) + (hasCopies ? copies.filter { $0.rank == rank } : [])
      let own = exported.filter { $0.rank == rank && !$0.isEmpty }
      guard Set(own) != Set(expected) else { continue }
      throw ExportedShards.contradiction(name, rank, own.first, expected.first, path: path)
    }
  }

  /// The layout with the rows shared out as the table says.
  package func sharingRows(_ layout: ModelLayout) throws(MimoError) -> ModelLayout {
    try checkRanks(layout)
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
        let exported = try find(key.key, key.shape, isNeeded: target.kind == .parameter)
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

  /// A rank that the layout has not tells of another job, even where it holds nothing; where it holds something, both
  /// boxes are told later.
  private func checkRanks(_ layout: ModelLayout) throws(MimoError) {
    let size = layout.cluster.worldSize
    let strangers = shards.values.joined().filter { $0.isEmpty && !(0..<size).contains($0.rank) }
    guard let first = strangers.min(by: { ($0.name, $0.rank) < ($1.name, $1.rank) }) else { return }
    throw MimoError(
      .layout, "the table has rank \(first.rank), but the layout has ranks 0 to \(size - 1)", path: path,
      tensor: first.name, remedy: "Export the table from a job with this layout, or say that job's layout")
  }

  /// What the table has under a key, with or without what stands before the state dict's own names.
  ///
  /// Buffers are no DTensors, and copies are parameters a second time: a job may leave them out.
  private func find(_ key: String, _ shape: GlobalShape, isNeeded: Bool) throws(MimoError) -> [ShardTable.Shard] {
    guard let found = shards[key] ?? shards[ExportedShards.stateDictName(key)] else {
      guard isNeeded else { return [] }
      throw MimoError(
        .layout, "the table has no shards of it", path: path, tensor: key,
        remedy: "Export the table from the same model")
    }
    for shard in found where shard.globalShape != shape {
      throw MimoError(
        .layout, "rank \(shard.rank) has the global shape \(shard.globalShape), the layout \(shape)", path: path,
        tensor: key, remedy: "Export global shapes, not those of one rank, from the same model")
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
