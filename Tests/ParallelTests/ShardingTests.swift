import MimoTensor
import Testing

@testable import MimoParallel

private typealias Segment = Placement.Segment

private func site(_ layout: ComponentLayout, layers: Int = 0) throws -> ShardingSite {
  ShardingSite(
    grid: try RankGrid(layout, of: "language"),
    pipeline: layers == 0 ? nil : try PipelineSplit(layers: layers, layout: layout, of: "language"))
}

private func sharding(
  _ dims: DimVector, _ placement: Placement, _ layout: ComponentLayout, layers: Int = 0
) throws -> Sharding {
  try Sharding(of: "w", shape: GlobalShape(dims), placement: placement, at: site(layout, layers: layers))
}

@Suite struct ShardingTests {
  @Test func cutsEachSegmentOnItsOwn() throws {
    let segments = [Segment(name: "gate", extent: 6), Segment(name: "up", extent: 6), Segment(name: "b", extent: 2)]
    let placement = Placement(stage: .first, split: .tp(dim: 0), segments: segments)
    let sharding = try sharding([14, 3], placement, ComponentLayout(tp: 2))
    #expect(sharding.localShape == LocalShape([7, 3]))
    #expect(
      Array(sharding.pieces(ofShard: 1)) == [
        ShardPiece(segment: 0, region: Region(offset: [3, 0], extent: [3, 3]), localOffset: 0),
        ShardPiece(segment: 1, region: Region(offset: [9, 0], extent: [3, 3]), localOffset: 3),
        ShardPiece(segment: 2, region: Region(offset: [13, 0], extent: [1, 3]), localOffset: 6),
      ])
  }

  /// Split dim, its size, unit of each segment.
  @Test(arguments: [1, 2, 4], [0, 1, 2])
  func piecesOfAllShardsTileTheTensor(tp: Int, dim: Int) throws {
    var dims: DimVector = [3, 5, 2]
    let segments = [Segment(extent: 8, unit: 2), Segment(extent: 4), Segment(extent: 12, unit: 3)]
    dims[dim] = 24
    let sharding = try sharding(
      dims, Placement(stage: .last, split: .tp(dim: dim), segments: segments), ComponentLayout(tp: tp, pp: 2))
    var written = [Int](repeating: 0, count: 24)
    for shard in 0..<tp {
      var local = 0
      for piece in sharding.pieces(ofShard: shard) {
        #expect(piece.region.isInside(sharding.shape))
        #expect(piece.localOffset == local)
        for other in 0..<3 where other != dim { #expect(piece.region.extent[other] == dims[other]) }
        for row in piece.region.offset[dim]..<(piece.region.offset[dim] + piece.region.extent[dim]) { written[row] += 1 }
        local += piece.region.extent[dim]
      }
      #expect(local == sharding.localShape.dims[dim])
    }
    #expect(written == [Int](repeating: 1, count: 24))
  }

  @Test func whatIsNotSplitIsOnePieceOnEveryRankOfItsStage() throws {
    let layout = ComponentLayout(tp: 2, pp: 2, dp: 2, rankOffset: 10)
    let sharding = try sharding([4], Placement(stage: .layer(3)), layout, layers: 4)
    #expect(Array(sharding.pieces(ofShard: 0)).map(\.region) == [Region(offset: [0], extent: [4])])
    #expect((sharding.stage, sharding.localLayer, sharding.shardCount) == (1, 1, 1))
    #expect(sharding.holders(ofShard: 0) == [14, 15, 16, 17])
    #expect(sharding.writer(ofShard: 0) == 14)
    #expect(sharding.shard(on: 13) == nil)
  }

  @Test func aScalarHasOnePiece() throws {
    let sharding = try sharding([], Placement(stage: .first), ComponentLayout(tp: 4))
    #expect(Array(sharding.pieces(ofShard: 0)).map(\.region.volume) == [1])
  }

  @Test func expertsLiveOnTheExpertGrid() throws {
    // tp 2 x cp 1 x dp 4 = etp 2 x ep 2 x edp 2, twice for pp
    let layout = ComponentLayout(tp: 2, pp: 2, dp: 4, ep: 2, etp: 2)
    let placement = Placement(
      stage: .layer(0), expert: .init(index: 5, count: 8), split: .etp(dim: 1), segments: [Segment(extent: 6)])
    let sharding = try sharding([3, 6], placement, layout, layers: 2)
    #expect((sharding.expertRank, sharding.localExpert) == (1, 1))
    #expect(sharding.localShape == LocalShape([3, 3]))
    #expect(sharding.holders(ofShard: 0) == [2, 6])
    #expect(sharding.holders(ofShard: 1) == [3, 7])
    #expect((0..<2).map { sharding.writer(ofShard: $0) } == [2, 3])
  }

  @Test(arguments: [
    ComponentLayout(tp: 2, pp: 2, dp: 4, cp: 2, ep: 4, etp: 1, rankOffset: 3), ComponentLayout(tp: 4, dp: 2, ep: 4, etp: 2),
  ])
  func writersHoldTheirShardAndAreTheFirstToDoSo(layout: ComponentLayout) throws {
    let expert = Placement.Expert(index: 7, count: 8)
    let placements = [
      Placement(stage: .last), Placement(stage: .first, split: .tp(dim: 0), segments: [Segment(extent: 8)]),
      Placement(stage: .first, expert: expert),
      Placement(stage: .last, expert: expert, split: .etp(dim: 0), segments: [Segment(extent: 8)]),
    ]
    for placement in placements {
      let sharding = try sharding([8], placement, layout)
      for shard in 0..<sharding.shardCount {
        #expect(sharding.writer(ofShard: shard) == sharding.holders(ofShard: shard).first)
      }
    }
  }

  @Test func ranksMayShareAGroupWhereMegatronLetsThem() throws {
    let segment = Segment(extent: 24, unit: 12, unitName: "key/value group", ranksMayShareUnits: true)
    let placement = Placement(stage: .first, split: .tp(dim: 0), segments: [segment])
    #expect(try sharding([24, 2], placement, ComponentLayout(tp: 4)).localShape == LocalShape([6, 2]))
    #expect(
      refusal { _ = try sharding([24, 2], placement, ComponentLayout(tp: 3)) }
        == "tp=3 does not divide 2 key/value groups of w. Use tp=1, 2, 4 or 8")
  }

  @Test(arguments: [
    (
      Placement(
        stage: .first, split: .tp(dim: 0), segments: [Segment(extent: 24, unit: 12, unitName: "key/value group")]),
      "tp=4 does not divide 2 key/value groups of w. Use tp=1 or 2"
    ),
    (
      Placement(stage: .first, split: .tp(dim: 0), segments: [Segment(extent: 20), Segment(extent: 4, unit: 4)]),
      "tp=4 does not divide 1 unit of w. Use tp=1"
    ),
    (
      Placement(
        stage: .first, expert: .init(index: 0, count: 4), split: .etp(dim: 0), segments: [Segment(extent: 24, unit: 12)]),
      "etp=4 does not divide 2 units of w. Use etp=1 or 2"
    ),
    (
      Placement(stage: .first, expert: .init(index: 0, count: 6)),
      "ep=4 does not divide 6 experts of w. Use ep=1, 2, 3 or 6"
    ),
    (Placement(stage: .first, expert: .init(index: 4, count: 4)), "tensor w: expert 4 of 4"),
    (
      Placement(stage: .first, split: .etp(dim: 0), segments: [Segment(extent: 24)]),
      "tensor w: split by etp, but it belongs to no expert"
    ),
    (
      Placement(stage: .first, expert: .init(index: 0, count: 4), split: .tp(dim: 0), segments: [Segment(extent: 24)]),
      "tensor w: split by tp, but a routed expert is split by etp"
    ),
    (Placement(stage: .layer(2)), "tensor w: layer 2, but its component has 2 layers"),
    (Placement(stage: .first, segments: [Segment(extent: 24)]), "tensor w: has segments, but no split"),
    (
      Placement(stage: .first, split: .tp(dim: 2), segments: [Segment(extent: 24)]),
      "tensor w: split along dim 2 of shape [24, 2]"
    ),
    (
      Placement(stage: .first, split: .tp(dim: 0), segments: [Segment(extent: 20)]),
      "tensor w: segments sum up to 20, dim 0 of [24, 2] does not"
    ),
    (
      Placement(stage: .first, split: .tp(dim: 0)), "tensor w: segments sum up to 0, dim 0 of [24, 2] does not"
    ),
    (
      Placement(stage: .first, split: .tp(dim: 0), segments: [Segment(name: "gate", extent: 24, unit: 5)]),
      "tensor w: segment 'gate' of 24 rows in units of 5"
    ),
    (
      Placement(stage: .first, split: .tp(dim: 0), segments: [Segment(extent: .max), Segment(extent: 1)]),
      "tensor w: segments overflow"
    ),
  ])
  func refusesWhatDoesNotFit(placement: Placement, reason: String) {
    let layout = ComponentLayout(tp: 4, dp: 4, ep: 4, etp: 4)
    #expect(refusal { _ = try sharding([24, 2], placement, layout, layers: 2) } == reason)
  }
}
