import MimoSystem
import MimoTensor

/// The fsdp axis: ranks that would hold copies share the rows of their shard instead.
extension Sharding {
  /// Ranks of the axis: dp x cp, for routed experts what etp and ep leave of a stage.
  package var fsdpSize: Int { expertRank == nil ? grid.layout.dp * grid.layout.cp : grid.edp }

  /// The rank's number on the axis.
  package func fsdpRank(of rank: Int) -> Int {
    guard expertRank == nil else { return grid.expert(of: rank).edp }
    let place = grid.dense(of: rank)
    return place.cp + grid.layout.cp * place.dp
  }

  /// The rank that holds a shard at a place of the axis; the first of those that hold copies.
  package func rank(ofShard shard: Int, fsdpRank: Int) -> Int {
    if let expertRank {
      return grid.rank(at: RankGrid.Expert(etp: shard, ep: expertRank, edp: fsdpRank, pp: stage))
    }
    let (cp, dp) = (fsdpRank % grid.layout.cp, fsdpRank / grid.layout.cp)
    return grid.rank(at: RankGrid.Dense(tp: shard, cp: cp, dp: dp, pp: stage))
  }

  /// The rows of each piece of a shard, in the order of the rank's tensor.
  private var pieceRows: [Int] {
    guard dim == 0 else {
      return Array(repeating: localShape.dims.first ?? 1, count: max(1, placement.segments.count))
    }
    return placement.segments.map { $0.extent / shardCount }
  }

  /// The rank's tensor, cut through all segments as it lies in memory.
  package func sharingRows(_ cuts: RowCuts) throws(MimoError) -> Sharding {
    guard dim == 0 else { return try sharingRows(pieceRows.map { _ in cuts }) }
    var start = 0
    let parts = pieceRows.map { rows in
      defer { start += rows }
      return cuts.clipped(to: start..<start + rows)
    }
    return try sharingRows(parts)
  }

  /// Each segment cut for itself.
  package func sharingRows(_ parts: [RowCuts]) throws(MimoError) -> Sharding {
    guard shape.rank > 0, parts.map(\.rowCount) == pieceRows, parts.allSatisfy({ $0.rankCount == fsdpSize }) else {
      throw MimoError(.internalError, "rows of \(shape) are shared out over other ranks than there are")
    }
    var copy = self
    copy.rows = parts
    return copy
  }

  /// The places of the axis from the first to the last that hold rows; one where every rank holds all.
  package var holdingPlaces: Range<Int> {
    guard let rows else { return 0..<1 }
    let holders = rows.map(\.holders).filter { !$0.isEmpty }
    guard let first = holders.map(\.lowerBound).min(), let end = holders.map(\.upperBound).max() else { return 0..<0 }
    return first..<end
  }

  /// Pieces of all shards, on all ranks of the axis; ranks without rows between others are counted too.
  package var pieceCount: Int {
    let segments = dim == nil ? 1 : max(1, placement.segments.count)
    guard let rows else { return shardCount * segments }
    return shardCount * rows.prefix(segments).reduce(0) { $0 + $1.holders.count }
  }

  /// What a rank of the axis holds of a shard, a piece a segment; pieces without rows have an extent of 0.
  package func pieces(ofShard shard: Int, fsdpRank: Int) -> [ShardPiece] {
    guard let rows else { return Array(pieces(ofShard: shard)) }
    var held = 0
    return zip(pieces(ofShard: shard), rows).map { piece, cuts in
      let own = cuts[fsdpRank]
      var piece = piece
      piece.region.offset[0] += own.lowerBound
      piece.region.extent[0] = own.count
      if dim == 0 { piece.localOffset = held }
      held += own.count
      return piece
    }
  }

  /// Pieces in one box, which they are where they follow each other along the first dim and nothing else is split.
  package static func joined(_ pieces: [ShardPiece]) -> [ShardPiece] {
    guard pieces.count > 1 else { return pieces }
    let filled = pieces.filter { $0.region.extent[0] > 0 }
    guard var box = filled.first ?? pieces.first else { return [] }
    for next in filled.dropFirst() { box.region.extent[0] += next.region.extent[0] }
    return [box]
  }

  /// What a rank of the component holds; nothing when it has no part of this target at all.
  package func pieces(on rank: Int) -> [ShardPiece] {
    guard let shard = shard(on: rank) else { return [] }
    return pieces(ofShard: shard, fsdpRank: fsdpRank(of: rank))
  }

  /// The shape of the tensor that a rank of the component holds; nil when it has no part of this target.
  package func localShape(on rank: Int) -> LocalShape? {
    shard(on: rank) == nil ? nil : localShape(ofPlace: fsdpRank(of: rank))
  }

  /// The shape of the tensor at a place of the fsdp axis.
  package func localShape(ofPlace place: Int) -> LocalShape {
    guard let rows else { return localShape }
    var dims = localShape.dims
    let held = rows.map { $0[place].count }
    dims[0] = dim == 0 ? held.reduce(0, +) : held[0]
    return LocalShape(dims)
  }
}
