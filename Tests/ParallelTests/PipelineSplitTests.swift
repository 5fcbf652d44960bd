import Testing

@testable import MimoParallel

private func split(_ layers: Int, pp: Int, first: Int? = nil, last: Int? = nil) throws -> PipelineSplit {
  try PipelineSplit(layers: layers, layout: ComponentLayout(pp: pp, ppFirst: first, ppLast: last), of: "language")
}

@Suite struct PipelineSplitTests {
  @Test(arguments: [
    (8, 2, nil, nil, [4, 4]), (5, 2, nil, 2, [3, 2]), (5, 2, 2, nil, [2, 3]), (5, 2, 2, 3, [2, 3]),
    (10, 4, 1, 3, [1, 3, 3, 3]), (11, 4, 2, nil, [2, 3, 3, 3]), (7, 4, nil, 1, [2, 2, 2, 1]), (4, 1, nil, nil, [4]),
    (4, 1, 4, nil, [4]), (4, 1, nil, 4, [4]), (0, 2, nil, nil, [0, 0]),
  ] as [(Int, Int, Int?, Int?, [Int])])
  func givesEachStageItsLayers(layers: Int, pp: Int, first: Int?, last: Int?, counts: [Int]) throws {
    let split = try split(layers, pp: pp, first: first, last: last)
    #expect((0..<pp).map { split.layers(ofStage: $0).count } == counts)
    var next = 0
    for stage in 0..<pp {
      #expect(split.layers(ofStage: stage).lowerBound == next)
      for (local, layer) in split.layers(ofStage: stage).enumerated() {
        #expect(split.stage(ofLayer: layer) == stage)
        #expect(split.localNumber(ofLayer: layer) == local)
      }
      next = split.layers(ofStage: stage).upperBound
    }
    #expect(next == layers)
    #expect(split.stage(ofLayer: layers) == nil)
    #expect(split.localNumber(ofLayer: -1) == nil)
  }

  @Test(arguments: [
    (5, 2, nil, nil, "language: pp=2 does not divide 5 layers. Use pp=1 or 5, or pp_last=2"),
    (2, 4, nil, nil, "language: pp=4 does not divide 2 layers. Use pp=1 or 2"),
    (
      8, 3, 3, nil,
      "language: with pp_first=3, the 5 layers left do not divide by the 2 stages left of pp=3. "
        + "Choose pp_first and pp_last so that they do"
    ),
    (
      8, 2, 3, 4,
      "language: 8 layers on pp=2 stages with pp_first=3 and pp_last=4 leave 1 layer for 0 stages. "
        + "Each stage needs at least 1 layer, and each layer a stage"
    ),
    (
      8, 3, 4, 4,
      "language: 8 layers on pp=3 stages with pp_first=4 and pp_last=4 leave 0 layers for 1 stage. "
        + "Each stage needs at least 1 layer, and each layer a stage"
    ),
    (
      4, 2, 5, nil,
      "language: 4 layers on pp=2 stages with pp_first=5 leave -1 layers for 1 stage. "
        + "Each stage needs at least 1 layer, and each layer a stage"
    ),
    (
      4, 1, 2, 2,
      "language: 4 layers on pp=1 stages with pp_first=2 and pp_last=2 leave 0 layers for -1 stages. "
        + "Each stage needs at least 1 layer, and each layer a stage"
    ),
  ] as [(Int, Int, Int?, Int?, String)])
  func refusesWhatMegatronRefuses(layers: Int, pp: Int, first: Int?, last: Int?, reason: String) {
    let said = refusal { _ = try split(layers, pp: pp, first: first, last: last) }
    #expect(said?.hasPrefix(reason) == true, "\(said ?? "accepted")")
  }

  private func needing(_ least: Int, _ layers: Int, pp: Int, first: Int?, last: Int?) throws {
    let layout = ComponentLayout(pp: pp, ppFirst: first, ppLast: last)
    try split(layers, pp: pp, first: first, last: last).requireOnFirstStage(least, for: "features", layout)
  }

  @Test(arguments: [
    (2, 4, 4, nil, nil, "pp=4 puts 1 of 4 there. Use pp=1 or 2"), (2, 4, 3, 1, 2, "puts 1 of 4 there. Use pp=1 or 2"),
    (3, 36, 36, nil, nil, "puts 1 of 36 there. Use pp=1, 2, 3, 4, 6, 9 or 12"),
    (3, 36, 18, nil, nil, "puts 2 of 36 there. Use pp=1, 2, 3, 4, 6, 9 or 12"),
    (3, 28, 14, nil, nil, "puts 2 of 28 there. Use pp=1, 2, 4 or 7, or pp_first=15"),
    (3, 7, 3, 2, 2, "puts 2 of 7 there. Use pp=1, or pp_first=3"), (3, 2, 1, nil, nil, "The model has too few layers"),
  ] as [(Int, Int, Int, Int?, Int?, String)])
  func aFirstStageThatIsTooShortIsRefused(least: Int, layers: Int, pp: Int, first: Int?, last: Int?, words: String) throws {
    let said = refusal { try needing(least, layers, pp: pp, first: first, last: last) } ?? "accepted"
    #expect(said.hasPrefix("features need \(least) layers on the first pipeline stage") && said.contains(words), "\(said)")
    // What is advised is taken.
    if let advice = said.firstMatch(of: /pp_first=(\d+)$/)?.1 {
      try needing(least, layers, pp: pp, first: Int(advice), last: last)
    }
    guard let advice = said.firstMatch(of: /Use pp=([0-9, or]+)/)?.1 else { return }
    let stages = advice.split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }
    #expect(!stages.isEmpty)
    for pp in stages { try needing(least, layers, pp: pp, first: nil, last: nil) }
  }

  @Test(arguments: [(2, 4, 2, nil, nil), (2, 4, 3, 2, nil), (3, 36, 12, nil, nil), (4, 4, 1, nil, nil), (0, 4, 4, nil, nil)]
    as [(Int, Int, Int, Int?, Int?)])
  func aFirstStageThatIsLongEnoughIsTaken(least: Int, layers: Int, pp: Int, first: Int?, last: Int?) throws {
    try needing(least, layers, pp: pp, first: first, last: last)
  }

  @Test(arguments: [(30, 4), (5, 2), (7, 3), (61, 16), (94, 8), (13, 5)])
  func theAdviceIsRight(layers: Int, pp: Int) throws {
    let said = refusal { _ = try split(layers, pp: pp) } ?? ""
    let advised = said.split(separator: "=").last.flatMap { Int($0) }
    let last = try #require(said.contains("pp_last=") ? advised : nil)
    #expect(try split(layers, pp: pp, last: last).layers(ofStage: pp - 1).count == last)
  }
}
