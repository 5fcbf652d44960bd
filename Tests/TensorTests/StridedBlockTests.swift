import AlgebraSupport
import MimoTensor
import Testing

/// The plain meaning of a block: which left element goes to which right one.
private struct Move: Hashable, Comparable {
  var left: Int
  var right: Int
  static func < (a: Move, b: Move) -> Bool { (a.right, a.left) < (b.right, b.left) }
}

private func moves(_ block: StridedBlock) -> [Move] {
  indices(Array(block.extent)).map {
    Move(
      left: block.left.base + dot($0, block.left.strides), right: block.right.base + dot($0, block.right.strides))
  }
}

/// A block that is one-to-one on both sides: each side a transposed view of a wider tensor, with gaps.
private func randomBlock(_ random: inout Seeded) -> StridedBlock {
  let extent = random.dims(rank: 0...5, extent: 1...5)
  func side() -> StridedBlock.Side {
    var strides = extent.map { _ in 0 }
    var step = random.oneIn(3) ? random.number(2...3) : 1
    for dim in extent.indices.shuffled(using: &random) {
      strides[dim] = step
      step = step * extent[dim] + (random.oneIn(3) ? random.number(1...4) : 0)
    }
    return StridedBlock.Side(base: random.number(0...20), strides: vector(strides))
  }
  func rowMajor() -> StridedBlock.Side {
    StridedBlock.Side(base: random.number(0...20), strides: rowMajorStrides(vector(extent)))
  }
  return StridedBlock(
    extent: vector(extent), left: random.oneIn(3) ? rowMajor() : side(), right: random.oneIn(3) ? rowMajor() : side())
}

@Suite struct StridedBlockTests {
  @Test func normalizedKeepsTheElementMap() {
    for seed in 0..<500 {
      var random = Seeded(seed)
      let block = randomBlock(&random)
      let normal = block.normalized()
      #expect(moves(normal).sorted() == moves(block).sorted(), "seed \(seed): \(block)")
      #expect(normal.extent.allSatisfy { $0 > 1 }, "seed \(seed)")
      #expect(Array(normal.left.strides) == normal.left.strides.sorted(by: >), "seed \(seed)")
      #expect(normal.normalized() == normal, "seed \(seed)")
    }
  }

  @Test func normalizedMergesWhatIsContiguousOnBothSides() {
    let strides: DimVector = [60, 20, 5, 1]
    let block = StridedBlock(
      extent: [2, 3, 4, 5], left: .init(base: 7, strides: strides), right: .init(base: 0, strides: strides))
    #expect(
      block.normalized()
        == StridedBlock(extent: [120], left: .init(base: 7, strides: [1]), right: .init(base: 0, strides: [1])))
  }

  @Test func boundsHoldTheLeftElements() {
    for seed in 0..<300 {
      var random = Seeded(seed)
      let block = randomBlock(&random)
      let left = moves(block).map(\.left)
      #expect(block.leftBounds.lowerBound == left.min(), "seed \(seed)")
      #expect(block.leftBounds.upperBound - 1 == left.max(), "seed \(seed)")
      #expect(block.volume == left.count, "seed \(seed)")
    }
    #expect(StridedBlock.span([3, 0], [5, 1]) == 0)
  }

  @Test func cutHoldsExactlyTheElementsOfTheWindow() {
    for seed in 0..<1000 {
      var random = Seeded(seed)
      let block = randomBlock(&random)
      let bounds = block.leftBounds
      let low = random.number(max(0, bounds.lowerBound - 3)...(bounds.upperBound + 3))
      let window = low..<(low + random.number(1...(bounds.count + 3)))
      var parts: [StridedBlock] = []
      block.normalized().cut(to: window, into: &parts)
      let expected = moves(block).filter { window.contains($0.left) }.sorted()
      #expect(parts.flatMap(moves).sorted() == expected, "seed \(seed): \(block) in \(window)")
    }
  }

  @Test func windowsOneAfterAnotherHoldEachElementOnce() {
    for seed in 0..<300 {
      var random = Seeded(seed)
      let block = randomBlock(&random)
      let step = random.number(1...40)
      var parts: [StridedBlock] = []
      for start in stride(from: 0, to: block.leftBounds.upperBound, by: step) {
        block.normalized().cut(to: start..<(start + step), into: &parts)
      }
      #expect(parts.flatMap(moves).sorted() == moves(block).sorted(), "seed \(seed): \(block) by \(step)")
    }
  }

  /// A window of many rows must not fall into one block a row.
  @Test func cutsMakeFewBlocks() {
    let strides: DimVector = [1_000_000, 1000, 1]
    let block = StridedBlock(
      extent: [1000, 999, 998], left: .init(base: 0, strides: strides), right: .init(base: 0, strides: strides))
    var parts: [StridedBlock] = []
    block.cut(to: 1_500_500..<900_500_500, into: &parts)
    #expect(parts.count <= 6)
    #expect(parts.reduce(0) { $0 + $1.volume } == 899 * 999 * 998)
  }

  @Test func runsHoldTheRightElementsInOrder() {
    for seed in 0..<500 {
      var random = Seeded(seed)
      let block = randomBlock(&random)
      let (packed, run, starts) = block.rightRuns()
      let sorted = moves(block).sorted()
      let order = moves(packed)
      #expect(order == sorted, "seed \(seed): \(block)")
      let elements = Array(starts).flatMap { Array($0..<($0 + run)) }
      #expect(elements == sorted.map(\.right), "seed \(seed)")
      #expect(starts.count * run == block.volume, "seed \(seed)")
    }
  }

  @Test func whatIsContiguousOnTheRightIsOneRun() {
    let block = StridedBlock(
      extent: [3, 4], left: .init(base: 0, strides: [1, 3]), right: .init(base: 5, strides: [4, 1]))
    let (_, run, starts) = block.rightRuns()
    #expect(run == 12)
    #expect(Array(starts) == [5])
  }
}
