import Testing

@testable import MimoParallel

@Suite struct RankGridTests {
  private let layout = ComponentLayout(tp: 2, pp: 3, dp: 2, cp: 3, ep: 2, etp: 1, rankOffset: 5)

  @Test func numbersRanksBothWays() throws {
    let grid = try RankGrid(layout, of: "language")
    #expect(grid.ranks == 5..<41)
    for rank in grid.ranks {
      #expect(grid.rank(at: grid.dense(of: rank)) == rank)
      #expect(grid.rank(at: grid.expert(of: rank)) == rank)
      #expect(grid.dense(of: rank).pp == grid.expert(of: rank).pp)
    }
    #expect(grid.dense(of: 5 + 1 + 2 * (2 + 3 * (1 + 2 * 2))) == .init(tp: 1, cp: 2, dp: 1, pp: 2))
    #expect(grid.expert(of: 5 + 1 + 2 * (5 + 6 * 1)) == .init(etp: 0, ep: 1, edp: 5, pp: 1))
  }

  @Test(arguments: ProcessGroups.Axis.allCases)
  func groupsDifferInOneCoordinateOnly(axis: ProcessGroups.Axis) throws {
    let grid = try RankGrid(layout, of: "language")
    let groups = ProcessGroups(grid).groups(axis)
    #expect(groups.flatMap { $0 }.sorted() == Array(grid.ranks))
    #expect(groups.map { $0[0] } == groups.map { $0[0] }.sorted())
    for group in groups {
      #expect(group.map { coordinate($0, axis, grid) } == Array(0..<group.count))
      let others = ProcessGroups.Axis.allCases.filter {
        $0 != axis && ([.tp, .cp, .dp].contains($0) == [.tp, .cp, .dp].contains(axis) || axis == .pp || $0 == .pp)
      }
      for other in others { #expect(Set(group.map { coordinate($0, other, grid) }).count == 1) }
    }
  }

  private func coordinate(_ rank: Int, _ axis: ProcessGroups.Axis, _ grid: RankGrid) -> Int {
    let (dense, expert) = (grid.dense(of: rank), grid.expert(of: rank))
    return switch axis {
    case .tp: dense.tp
    case .cp: dense.cp
    case .dp: dense.dp
    case .pp: dense.pp
    case .etp: expert.etp
    case .ep: expert.ep
    case .edp: expert.edp
    }
  }
}

@Suite struct VocabularyPaddingTests {
  @Test(arguments: [
    (251, 1, 251), (251, 2, 252), (251, 4, 252), (250, 2, 252), (250, 1, 250), (50257, 8, 50264), (32000, 3, 32256),
    (151936, 8, 152576), (248320, 8, 248832), (128, 1, 128),
  ])
  func padsAsMegatronDoes(vocabulary: Int, tp: Int, padded: Int) throws {
    #expect(try VocabularyPadding.padded(vocabulary, tp: tp) == padded)
    #expect(try VocabularyPadding.rows(vocabulary, tp: tp, pad: true, tensor: "e") == padded)
  }

  @Test func withoutPaddingTheVocabularyStaysOrIsRefused() throws {
    #expect(try VocabularyPadding.rows(250, tp: 2, pad: false, tensor: "embedding") == 250)
    #expect(
      refusal { _ = try VocabularyPadding.rows(251, tp: 2, pad: false, tensor: "embedding") }
        == "tp=2 does not divide the vocabulary of 251 tokens of embedding. "
        + "Use --pad-vocab (252 rows, the last 1 zero), or a tp that divides it")
    #expect(refusal { _ = try VocabularyPadding.padded(.max, tp: 4) } != nil)
    #expect(refusal { _ = try VocabularyPadding.padded(0, tp: 1) } != nil)
    #expect(refusal { _ = try VocabularyPadding.padded(.min, tp: 8) } != nil)
  }
}
