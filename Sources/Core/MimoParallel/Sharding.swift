import MimoSystem
import MimoTensor

/// What all targets of a component share: its ranks, and its layers on the stages.
package struct ShardingSite: Sendable {
  package let grid: RankGrid
  /// nil: no target of the component belongs to a layer.
  package let pipeline: PipelineSplit?

  package init(grid: RankGrid, pipeline: PipelineSplit?) {
    self.grid = grid
    self.pipeline = pipeline
  }
}

/// A part of a shard: a box of the whole tensor, and where it starts in the rank's tensor along the split dim.
package struct ShardPiece: Sendable, Hashable {
  /// Index into the placement's segments; 0 for a tensor that is not split.
  package var segment: Int
  package var region: Region
  package var localOffset: Int
}

/// One target in one layout: how many shards it has, what each holds, and on which ranks: the algebra that tells every
/// rank's shape of every tensor without asking a rank.
///
/// Shards are numbered by their tp (or etp) rank; a target that is not split is one shard. Cheap to make, with no list of
/// ranks or pieces inside, but some hundred bytes: make it where it is needed rather than keep one a target.
package struct Sharding: Sendable {
  package let placement: Placement
  package let shape: GlobalShape
  /// What each rank that has a shard holds of the tensor.
  package let localShape: LocalShape
  package let shardCount: Int
  /// The split dim, nil when there is none.
  package let dim: Int?
  /// The pipeline stage.
  package let stage: Int
  /// The layer's number on its stage, nil for a target of no layer.
  package let localLayer: Int?
  /// The expert parallel rank, nil for what is no routed expert.
  package let expertRank: Int?
  /// The expert's number on its rank, nil for what is no routed expert.
  package let localExpert: Int?
  /// Of each segment (of all where the first dim is not split), the rows of a shard that each rank of the fsdp axis
  /// holds; nil where every rank holds all of its shard.
  package internal(set) var rows: [RowCuts]?
  let grid: RankGrid

  /// - Parameter tensor: names the target in errors, and is asked for in errors alone.
  package init(
    of tensor: @autoclosure () -> String, shape: GlobalShape, placement: Placement, at site: ShardingSite
  ) throws(MimoError) {
    let layout = site.grid.layout
    self.placement = placement
    self.shape = shape
    grid = site.grid
    (stage, localLayer) = try Sharding.stage(placement, site, tensor)
    (expertRank, localExpert) = try Sharding.expert(placement, layout, tensor)
    switch placement.split {
    case .none: (shardCount, dim) = (1, nil)
    case .tp(let split): (shardCount, dim) = (layout.tp, split)
    case .etp(let split): (shardCount, dim) = (layout.etp, split)
    }
    try Sharding.checkSegments(placement, shape, tensor)
    var local = shape.dims
    if let dim {
      try placement.checkDivisible(by: shardCount, tensor)
      local[dim] /= shardCount
    }
    localShape = LocalShape(local)
  }

  /// The pieces of a shard, one a segment, in the order in which the rank's tensor holds them.
  package func pieces(ofShard shard: Int) -> Pieces {
    precondition((0..<shardCount).contains(shard))
    return Pieces(sharding: self, shard: shard)
  }

  /// The pieces of one shard, made as they are asked for.
  package struct Pieces: Sequence, IteratorProtocol {
    private let shape: GlobalShape
    private let dim: Int?
    private let segments: [Placement.Segment]
    private let shardCount: Int
    private let shard: Int
    private var segment = 0
    private var segmentStart = 0
    private var localOffset = 0

    fileprivate init(sharding: Sharding, shard: Int) {
      shape = sharding.shape
      dim = sharding.dim
      segments = sharding.placement.segments
      shardCount = sharding.shardCount
      self.shard = shard
    }

    package mutating func next() -> ShardPiece? {
      var region = Region(whole: shape)
      guard let dim else {
        guard segment == 0 else { return nil }
        segment = 1
        return ShardPiece(segment: 0, region: region, localOffset: 0)
      }
      guard segment < segments.count else { return nil }
      let whole = segments[segment].extent
      let part = whole / shardCount
      region.offset[dim] = segmentStart + shard * part
      region.extent[dim] = part
      defer {
        segment += 1
        segmentStart += whole
        localOffset += part
      }
      return ShardPiece(segment: segment, region: region, localOffset: localOffset)
    }
  }
}

// MARK: - Ranks

extension Sharding {
  /// The shard that a rank of the component holds, nil when it holds none of this target.
  package func shard(on rank: Int) -> Int? {
    if let expertRank {
      let place = grid.expert(of: rank)
      guard place.pp == stage, place.ep == expertRank else { return nil }
      return dim == nil ? 0 : place.etp
    }
    let place = grid.dense(of: rank)
    guard place.pp == stage else { return nil }
    return dim == nil ? 0 : place.tp
  }

  /// All ranks that hold a copy of a shard, ascending.
  package func holders(ofShard shard: Int) -> [Int] {
    precondition((0..<shardCount).contains(shard))
    let stageRanks = grid.layout.ranksPerStage
    let first = grid.layout.rankOffset + stage * stageRanks
    return (first..<(first + stageRanks)).filter { self.shard(on: $0) == shard }
  }

  /// Ranks that hold any shard.
  package var holderCount: Int { grid.layout.ranksPerStage / (expertRank == nil ? 1 : grid.layout.ep) }

  /// The one rank that writes a shard: of those that hold it, the first of each axis that only makes copies.
  package func writer(ofShard shard: Int) -> Int {
    precondition((0..<shardCount).contains(shard))
    if let expertRank { return grid.rank(at: RankGrid.Expert(etp: shard, ep: expertRank, pp: stage)) }
    return grid.rank(at: RankGrid.Dense(tp: shard, pp: stage))
  }
}
