import AlgebraSupport
import MimoSystem
import MimoTensor
import Testing

@testable import MimoParallel

@Suite struct RowCutsTests {
  private static func lists(_ random: inout Seeded) -> RowCuts {
    let rows = random.number(0...9)
    return RowCuts(bounds: [0] + (0..<random.number(0...12)).map { _ in random.number(0...rows) }.sorted() + [rows])
  }

  private static func held(_ cuts: RowCuts) -> [Range<Int>] { (0..<cuts.rankCount).map { cuts[$0] } }

  @Test(arguments: 0..<200) func holdersAreAllRanksWithRowsAndEndWithSuch(seed: Int) {
    var random = Seeded(seed)
    let cuts = Self.lists(&random)
    let holding = (0..<cuts.rankCount).filter { !cuts[$0].isEmpty }
    guard let first = holding.first, let last = holding.last else { return #expect(cuts.holders.isEmpty) }
    #expect(cuts.holders == first..<last + 1)
  }

  @Test(arguments: 0..<200) func clippedCutsAreThoseOfTheirRows(seed: Int) {
    var random = Seeded(seed)
    let cuts = Self.lists(&random)
    let start = random.number(0...cuts.rowCount)
    let rows = start..<random.number(start...cuts.rowCount)
    let clipped = cuts.clipped(to: rows)
    #expect(clipped.rowCount == rows.count)
    for (whole, part) in zip(Self.held(cuts), Self.held(clipped)) {
      let common = whole.clamped(to: rows)
      #expect(part == common.lowerBound - start..<common.upperBound - start)
    }
  }

  /// What a list of all ranks would take a gigabyte for is a few numbers.
  @Test func cutsOfSixteenMillionRanksTakeNoList() throws {
    let buffer = try FlatBuffer([LocalShape([3, 4]), LocalShape([8, 4])])
    let ranks = ComponentLayout.mostRanks
    let before = try #require(ProcessUsage.residentBytes)
    let cuts = try (0..<64).map { _ in try buffer.cuts(of: 1, over: ranks) }
    #expect(try #require(ProcessUsage.residentBytes) - before < 64 << 20)
    #expect(cuts.allSatisfy { $0.rowCount == 8 && $0.rankCount == ranks && $0.holders.count <= 8 })
  }

  @Test func aBufferThatCanNotBeCountedIsRefused() throws {
    let buffer = try FlatBuffer([LocalShape([2, 1 << 47])])
    let refused = #expect(throws: MimoError.self) { try buffer.cuts(of: 0, over: ComponentLayout.mostRanks) }
    #expect(refused?.code == .layout)
  }
}
