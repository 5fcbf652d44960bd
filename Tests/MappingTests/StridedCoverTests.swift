import AlgebraSupport
import MimoTensor
import Testing

@testable import MimoMapping

@Suite struct StridedCoverTests {
  private static func positions(_ piece: StridedCover.Piece) -> [Int] {
    indices(Array(piece.extent)).map { piece.base + dot($0, piece.strides) }
  }

  private static func isCoveredOnce(_ pieces: [StridedCover.Piece], _ count: Int) -> Bool {
    var seen = [Int](repeating: 0, count: count)
    for position in pieces.flatMap(positions) { seen[position] += 1 }
    return seen.allSatisfy { $0 == 1 }
  }

  private static func piece(_ base: Int, _ extent: [Int], _ strides: [Int]) -> StridedCover.Piece {
    StridedCover.Piece(base: base, extent: vector(extent), strides: vector(strides))
  }

  /// Boxes of one mixed-radix view: a common view always exists.
  @Test func boxesOfAViewAreDecidedAsCountingDecides() {
    for seed in 0..<500 {
      var random = Seeded(seed)
      let dims = random.dims(rank: 1...4, extent: 2...5)
      let strides = rowMajorStrides(vector(dims))
      var pieces = Region(whole: shape(dims)).tiled(random.number(1...8), &random).map { box in
        let side = StridedBlock.Side(base: dot(Array(box.offset), strides), strides: strides)
        let block = StridedBlock(extent: box.extent, left: side, right: side).normalized()
        return StridedCover.Piece(base: block.left.base, extent: block.extent, strides: block.left.strides)
      }.shuffled(using: &random)
      let count = dims.reduce(1, *)
      #expect(StridedCover.fault(pieces, count: count) == nil, "seed \(seed): \(pieces)")

      // Another piece of the same size over one of them: one is read twice, another never.
      let moved = random.number(0...(pieces.count - 1))
      let room = count - StridedBlock.span(pieces[moved].extent, pieces[moved].strides)
      pieces[moved].base = random.number(0...room)
      let isSound = Self.isCoveredOnce(pieces, count)
      #expect((StridedCover.fault(pieces, count: count) == nil) == isSound, "seed \(seed): \(pieces)")
    }
  }

  /// Strides of which none divides the other: there is no common view, runs are compared.
  @Test(arguments: [
    // 2 ..< 6 lies across the rows of 4 that {6, 10} makes.
    ([piece(0, [2], [1]), piece(2, [4], [1]), piece(6, [2], [4]), piece(7, [], []), piece(8, [2], [1]), piece(11, [], [])], 12, true),
    ([piece(0, [2], [1]), piece(1, [4], [1]), piece(6, [2], [4]), piece(7, [], []), piece(8, [2], [1]), piece(11, [], [])], 12, false),
    // A column of [2, 3] here, a column of [3, 2] there: their steps are 3 and 2.
    ([piece(0, [2], [3]), piece(1, [2], [1]), piece(4, [2], [1])], 6, true),
    ([piece(0, [2], [3]), piece(2, [2], [2]), piece(1, [1], [1]), piece(5, [1], [1])], 6, true),
    ([piece(0, [2], [3]), piece(1, [2], [2]), piece(2, [1], [1]), piece(5, [1], [1])], 6, false),
    ([piece(0, [3], [5]), piece(1, [2], [3]), piece(2, [2], [1]), piece(6, [4], [1]), piece(11, [1], [1])], 12, true),
    ([piece(0, [3], [5]), piece(1, [2], [3]), piece(2, [2], [1]), piece(7, [4], [1]), piece(11, [1], [1])], 12, false),
  ])
  func irregularStridesAreDecided(_ pieces: [StridedCover.Piece], count: Int, isSound: Bool) {
    #expect(Self.isCoveredOnce(pieces, count) == isSound, "the case itself")
    #expect((StridedCover.fault(pieces, count: count) == nil) == isSound)
  }

  /// A set of positions parted at random into arithmetic runs: mostly no common view.
  @Test func arithmeticRunsAreDecidedAsCountingDecides() {
    var accepted = 0
    for seed in 0..<1000 {
      var random = Seeded(seed)
      let count = random.number(6...40)
      var free = Set(0..<count)
      var pieces: [StridedCover.Piece] = []
      while let first = free.min() {
        let step = random.number(1...6)
        var length = 0
        while free.remove(first + length * step) != nil { length += 1 }
        pieces.append(Self.piece(first, length == 1 ? [] : [length], length == 1 ? [] : [step]))
      }
      if random.oneIn(2) {
        let moved = random.number(0...(pieces.count - 1))
        pieces[moved].base = random.number(0...(count - StridedBlock.span(pieces[moved].extent, pieces[moved].strides)))
      }
      let isSound = Self.isCoveredOnce(pieces, count)
      accepted += isSound ? 1 : 0
      let fault = StridedCover.fault(pieces.shuffled(using: &random), count: count)
      #expect((fault == nil) == isSound, "seed \(seed): \(pieces)")
    }
    #expect((1..<1000).contains(accepted))
  }

  @Test func tooFewAndTooManyAreTold() {
    #expect(StridedCover.fault([Self.piece(0, [4], [1])], count: 6) == .uncovered(elements: 2))
    #expect(StridedCover.fault([Self.piece(0, [6], [1]), Self.piece(2, [], [])], count: 6) == .overlap)
    #expect(StridedCover.fault([], count: 6) == .uncovered(elements: 6))
    let whole = Self.piece(0, [1 << 62], [1])
    #expect(StridedCover.fault([whole, whole, whole], count: 1 << 62) == .overlap)
  }

  @Test func whatIsTooIrregularIsNotAccepted() {
    // 2^23 single elements of stride 2, and steps of 3 and 2 that allow no common view.
    let count = 1 << 24
    let pieces = [
      Self.piece(0, [count / 2], [2]), Self.piece(1, [2], [6]), Self.piece(3, [2], [2]), Self.piece(9, [count / 2 - 4], [2]),
    ]
    #expect(StridedCover.fault(pieces, count: count) == .undecided)
  }
}
