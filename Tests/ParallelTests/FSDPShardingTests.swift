import AlgebraSupport
import MimoTensor
import Testing

@testable import MimoParallel

/// A random target in a random layout, with random cuts, and the same counted out element by element.
private struct RandomShards {
  let sharding: Sharding
  let layout: ComponentLayout
  let cuts: RowCuts
  /// The ranks that hold each element, row-major.
  let owners: [[Int]]

  init(_ random: inout Seeded) throws {
    layout = RandomShards.layout(&random)
    let isExpert = random.oneIn(2)
    let ways = isExpert ? layout.etp : layout.tp
    var dims = random.dims(rank: 1...3, extent: 1...5)
    let dim = random.oneIn(3) ? nil : random.number(0...dims.count - 1)
    var segments: [Placement.Segment] = []
    if let dim {
      segments = (0..<random.number(1...3)).map { _ in Placement.Segment(extent: ways * random.number(1...3)) }
      dims[dim] = segments.reduce(0) { $0 + $1.extent }
    }
    let split: Placement.Split = if let dim { isExpert ? .etp(dim: dim) : .tp(dim: dim) } else { .none }
    let expert = isExpert ? Placement.Expert(index: random.number(0...2 * layout.ep - 1), count: 2 * layout.ep) : nil
    let placement = Placement(stage: .last, expert: expert, split: split, segments: segments)
    let site = ShardingSite(grid: try RankGrid(layout, of: "model"), pipeline: nil)
    let whole = try Sharding(of: "w", shape: GlobalShape(DimVector(exactly: dims) ?? []), placement: placement, at: site)
    let rows = whole.localShape.dims[0]
    cuts = RowCuts(bounds: [0] + (1..<whole.fsdpSize).map { _ in random.number(0...rows) }.sorted() + [rows])
    sharding = try whole.sharingRows(cuts)
    owners = RandomShards.owners(dims, dim, segments.map(\.extent), expert, layout, cuts)
  }

  /// Sizes of the expert grid that divide the ranks of a stage.
  private static func layout(_ random: inout Seeded) -> ComponentLayout {
    let (tp, etp, ep) = (random.number(1...3), random.number(1...2), random.number(1...2))
    let (cp, pp) = (random.number(1...2), random.number(1...2))
    return ComponentLayout(tp: tp, pp: pp, dp: etp * ep * random.number(1...2), cp: cp, ep: ep, etp: etp, rankOffset: random.number(0...2))
  }

  /// Ranks are numbered tp-cp-dp-pp and etp-ep-edp-pp; a shard is the parts of all segments, its rows go to the rest.
  private static func owners(
    _ dims: [Int], _ dim: Int?, _ segments: [Int], _ expert: Placement.Expert?, _ l: ComponentLayout, _ cuts: RowCuts
  ) -> [[Int]] {
    let stage = l.tp * l.cp * l.dp
    return (0..<dims.reduce(1, *)).map { element in
      var rest = element
      let index = dims.indices.reversed().map { axis in
        defer { rest /= dims[axis] }
        return rest % dims[axis]
      }.reversed().map { $0 }
      var shard: Int?
      var row = index[0]
      if let dim {
        var (place, local) = (index[dim], 0)
        let ways = expert == nil ? l.tp : l.etp
        for extent in segments {
          if place < extent {
            shard = place / (extent / ways)
            local += place % (extent / ways)
            break
          }
          place -= extent
          local += extent / ways
        }
        if dim == 0 { row = local }
      }
      return (0..<stage).filter { rank in
        let place = expert == nil ? rank % l.tp : rank % l.etp
        let owner = expert == nil ? rank / l.tp : rank / (l.etp * l.ep)
        if let expert, rank / l.etp % l.ep != expert.index / (expert.count / l.ep) { return false }
        return (shard == nil || shard == place) && cuts[owner].contains(row)
      }.map { l.rankOffset + (l.pp - 1) * stage + $0 }
    }
  }
}

@Suite struct FSDPShardingTests {
  @Test(arguments: 0..<300) func eachElementIsHeldByTheRanksThatTheLayoutSays(seed: Int) throws {
    var random = Seeded(seed)
    let shards = try RandomShards(&random)
    let dims = shards.sharding.shape.dims
    let strides = rowMajorStrides(dims)
    var owners = [[Int]](repeating: [], count: shards.owners.count)
    for rank in shards.layout.ranks {
      var local = 0
      for piece in shards.sharding.pieces(on: rank) {
        #expect(piece.region.isInside(shards.sharding.shape))
        for element in owners.indices where (0..<dims.count).allSatisfy({ axis in
          let place = element / strides[axis] % dims[axis]
          return place >= piece.region.offset[axis] && place < piece.region.offset[axis] + piece.region.extent[axis]
        }) {
          owners[element].append(rank)
          local += 1
        }
      }
      #expect(local == shards.sharding.localShape(on: rank)?.elementCount ?? 0, "elements of rank \(rank)")
    }
    #expect(owners == shards.owners)
  }

  @Test(arguments: 0..<100) func aPlaceOfTheAxisIsARanks(seed: Int) throws {
    var random = Seeded(seed)
    let sharding = try RandomShards(&random).sharding
    for shard in 0..<sharding.shardCount {
      for place in 0..<sharding.fsdpSize {
        let rank = sharding.rank(ofShard: shard, fsdpRank: place)
        #expect(sharding.fsdpRank(of: rank) == place && sharding.shard(on: rank) == shard)
        #expect(sharding.pieces(on: rank) == sharding.pieces(ofShard: shard, fsdpRank: place))
      }
    }
  }

  @Test func aRankWithoutRowsHasAShapeOfNone() throws {
    let site = ShardingSite(grid: try RankGrid(ComponentLayout(dp: 3), of: "model"), pipeline: nil)
    let whole = try Sharding(of: "w", shape: GlobalShape([2, 5]), placement: Placement(stage: .first), at: site)
    let sharding = try whole.sharingRows(RowCuts(bounds: [0, 0, 2, 2]))
    #expect((0..<3).map { sharding.localShape(on: $0) } == [LocalShape([0, 5]), LocalShape([2, 5]), LocalShape([0, 5])])
  }

  @Test func cutsOfOtherRowsOrRanksAreRefused() throws {
    let site = ShardingSite(grid: try RankGrid(ComponentLayout(dp: 2), of: "model"), pipeline: nil)
    let sharding = try Sharding(of: "w", shape: GlobalShape([4]), placement: Placement(stage: .first), at: site)
    #expect(throws: (any Error).self) { try sharding.sharingRows([RowCuts(bounds: [0, 1, 3])]) }
    #expect(throws: (any Error).self) { try sharding.sharingRows([RowCuts(bounds: [0, 4])]) }
  }
}
