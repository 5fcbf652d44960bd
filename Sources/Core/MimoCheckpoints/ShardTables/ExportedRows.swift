import MimoParallel
import MimoSystem
import MimoTensor

/// The rows of one key by a table that a job exported: where they are cut for the ranks of the fsdp axis.
struct ExportedRows {
  let key: DistKey
  /// The segment of the parameter that the key holds, the first where it holds them all.
  let segment: Int
  let variant: DistKey.Variant
  let sharding: Sharding
  let grid: RankGrid
  let path: String

  /// The same on all ranks that hold copies and all tp ranks; throws where the table contradicts that or the layout.
  func cuts(_ exported: [ShardTable.Shard]) throws(MimoError) -> RowCuts {
    let held = try byRank(exported)
    var bounds = [0]
    for place in 0..<sharding.fsdpSize {
      let start = bounds[place]
      for rank in grid.ranks where sharding.shard(on: rank) != nil && sharding.fsdpRank(of: rank) == place {
        let whole = try shard(on: rank)
        let end = try rows(of: held[rank], rank, from: start, in: whole)
        if bounds.count == place + 1 { bounds.append(end) }
        guard bounds[place + 1] == end else {
          throw contradiction(held[rank], rank, expected: whole.rows(start..<bounds[place + 1]))
        }
        guard place < sharding.fsdpSize - 1 || end == whole.extent[0] else { throw unheld(whole.extent[0], end, rank) }
      }
    }
    return RowCuts(bounds: bounds)
  }

  /// One box a rank; those that hold anything belong to ranks that the layout gives a part.
  private func byRank(_ exported: [ShardTable.Shard]) throws(MimoError) -> [Int: ShardTable.Shard] {
    var held: [Int: ShardTable.Shard] = [:]
    for shard in exported {
      guard grid.ranks.contains(shard.rank), sharding.shard(on: shard.rank) != nil else {
        if shard.isEmpty { continue }
        throw ExportedShards.contradiction(shard.name, shard.rank, shard, nil, path: path)
      }
      guard held.updateValue(shard, forKey: shard.rank) == nil else {
        throw MimoError(.invalidInput, "rank \(shard.rank) has it twice", path: path, tensor: key.key)
      }
    }
    return held
  }

  /// What the ranks with this rank's tp (etp) number hold of the key together.
  private func shard(on rank: Int) throws(MimoError) -> Region {
    let pieces = sharding.shard(on: rank).map { variant.boxes(Array(sharding.pieces(ofShard: $0)), of: sharding) } ?? []
    guard let piece = pieces.first(where: { $0.segment == segment }) else {
      throw MimoError(.internalError, "a part without a shard", tensor: key.key)
    }
    return key.stored(piece.region)
  }

  /// Where a rank's rows end that begin at `start`.
  private func rows(
    of shard: ShardTable.Shard?, _ rank: Int, from start: Int, in whole: Region
  ) throws(MimoError) -> Int {
    guard let shard, !shard.isEmpty else { return start }
    let end = min(start + shard.localShape.dims[0], whole.extent[0])
    guard shard.region == whole.rows(start..<end) else {
      throw contradiction(shard, rank, expected: whole.rows(start..<whole.extent[0]))
    }
    return end
  }

  private func contradiction(_ exported: ShardTable.Shard?, _ rank: Int, expected: Region) -> MimoError {
    let shard = ShardTable.Shard(
      name: key.key, rank: rank, globalShape: key.shape, localShape: LocalShape(expected.extent), offset: expected.offset)
    return ExportedShards.contradiction(key.key, rank, exported, shard, path: path)
  }

  private func unheld(_ rows: Int, _ end: Int, _ rank: Int) -> MimoError {
    MimoError(
      .layout, "the table leaves \(rows - end) of the \(rows) rows of the shard that rank \(rank) has a part of to no rank",
      path: path, tensor: key.key, remedy: "Export the table from all ranks")
  }
}

extension Region {
  /// Some of its rows.
  fileprivate func rows(_ rows: Range<Int>) -> Region {
    var part = self
    part.offset[0] += rows.lowerBound
    part.extent[0] = rows.count
    return part
  }
}
