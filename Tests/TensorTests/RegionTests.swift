import AlgebraSupport
import MimoTensor
import Testing

@Suite struct RegionTests {
  private static func region(in dims: [Int], _ random: inout Seeded) -> Region {
    let offset = dims.map { random.number(0...($0 - 1)) }
    return Region(offset, zip(dims, offset).map { random.number(1...($0 - $1)) })
  }

  @Test func intersectionHoldsTheCommonElements() {
    for seed in 0..<500 {
      var random = Seeded(seed)
      let dims = random.dims(rank: 0...4, extent: 1...6)
      let (a, b) = (Self.region(in: dims, &random), Self.region(in: dims, &random))
      let common = Set(a.positions(in: dims)).intersection(b.positions(in: dims))
      let found = a.intersection(b)
      #expect(Set(found?.positions(in: dims) ?? []) == common, "seed \(seed): \(a) and \(b)")
      #expect((found?.volume ?? 0) == common.count, "seed \(seed)")
      #expect(found == b.intersection(a), "seed \(seed)")
    }
  }

  @Test func boxesOfOtherRankOrNoElementsHaveNothingInCommon() {
    #expect(Region([0], [4]).intersection(Region([0, 0], [4, 4])) == nil)
    #expect(Region([0], [4]).intersection(Region([2], [0])) == nil)
    #expect(Region([0], [4]).intersection(Region([4], [4])) == nil)
  }

  @Test(arguments: [
    (Region([0, 0], [2, 3]), true), (Region([1, 2], [1, 1]), true), (Region([2, 3], [0, 0]), true),
    (Region([1, 0], [2, 3]), false), (Region([-1, 0], [1, 1]), false), (Region([0, 0], [-1, 1]), false),
    (Region([0], [2]), false), (Region([.max, 0], [.max, 1]), false),
  ])
  func insideMeansNothingReachesOut(_ region: Region, isInside: Bool) {
    #expect(region.isInside([2, 3].asShape) == isInside)
  }

  @Test func anyRegionCanBeNamed() {
    #expect(Region([.max, 0], [.max, 1]).description == "[\(Int.max) from \(Int.max) on, 0..<1]")
  }

  @Test func theWholeIsInside() {
    #expect(Region(whole: shape([2, 3])) == Region([0, 0], [2, 3]))
    #expect(Region([1, 2], [1, 3]).description == "[1..<2, 2..<5]")
  }
}

extension [Int] {
  var asShape: GlobalShape { shape(self) }
}
