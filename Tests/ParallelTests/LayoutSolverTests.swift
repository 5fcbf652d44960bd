import MimoSystem
import Testing

@testable import MimoParallel

private let declared = [
  ClusterLayout.Declared(name: "language", isEncoder: false), ClusterLayout.Declared(name: "images", isEncoder: true),
]

private func solve(_ text: String, world: Int? = nil) throws -> ClusterLayout {
  let requests = try text.split(separator: " ").map { try ComponentRequest(parsing: String($0)) }
  return try ClusterLayout.solve(requests, declared: declared, worldSize: world)
}

@Suite struct LayoutSolverTests {
  /// What the user writes, --world-size (0: none), and the ranks of language and images.
  @Test(arguments: [
    ("language=tp=4,pp=2,dp=1 images=tp=1", 0, 0..<8, 8..<9),
    ("images=tp=1 language=tp=4,pp=2", 0, 1..<9, 0..<1),
    ("language=tp=2 images=tp=2", 8, 0..<4, 4..<8),
    ("language=tp=2,dp=2,rank_offset=2 images=tp=2", 0, 2..<6, 0..<2),
    ("language=tp=1,ep=4 images=tp=2", 0, 0..<4, 4..<6),
    ("language=tp=2,ep=4 images=tp=2", 0, 0..<4, 4..<6),
    ("language=tp=2,ep=4,etp=2 images=tp=2", 0, 0..<8, 8..<10),
    ("language=tp=2,cp=2,ep=4,etp=1 images=tp=1", 0, 0..<4, 4..<5),
    ("language=tp=1,ep=3 images=tp=1,dp=2", 0, 0..<6, 6..<8),
    ("language=tp=8,pp=3,pp_first=1,pp_last=2,rank_offset=1 images=tp=1", 0, 1..<25, 0..<1),
  ])
  func fillsInWhatIsLeftOut(text: String, world: Int, language: Range<Int>, images: Range<Int>) throws {
    let cluster = try solve(text, world: world == 0 ? nil : world)
    #expect(try cluster.component(named: "language").grid.ranks == language)
    #expect(try cluster.component(named: "images").grid.ranks == images)
    #expect(cluster.worldSize == max(language.upperBound, images.upperBound))
  }

  @Test func expertTensorParallelSizeIsOneUnlessSaid() throws {
    #expect(try solve("language=tp=4 images=tp=4").component(named: "language").layout.etp == 1)
    #expect(try solve("language=tp=4,etp=4 images=tp=4").component(named: "language").layout.etp == 4)
    #expect(try solve("language=tp=4 images=tp=4").component(named: "images").layout.etp == 1)
  }

  /// Where a folder leaves it out, it was written for a version that took it for tp.
  @Test func aRecordWithoutExpertTensorParallelSizeMeansTP() throws {
    let requests = try ["language=tp=4", "images=tp=4"].map { try ComponentRequest(recorded: $0) }
    let cluster = try ClusterLayout.solve(requests, declared: declared)
    #expect(try cluster.component(named: "language").layout.etp == 4)
    #expect(try cluster.component(named: "images").layout.etp == 1)
    #expect(requests.allSatisfy { $0.changedDefaultNote(hasExperts: true) == nil })
  }

  @Test func fillsGapsLeftByThoseThatSayTheirs() throws {
    let three = [("a", 2), ("b", 2), ("c", 2)].map { ComponentRequest($0.0, [.tp: $0.1]) }
    var requests = three
    requests[1][.rankOffset] = 2
    let cluster = try ClusterLayout.solve(
      requests, declared: three.map { .init(name: $0.name, isEncoder: $0.name != "a") })
    #expect(cluster.components.map(\.grid.ranks) == [0..<2, 2..<4, 4..<6])
  }

  @Test(arguments: [
    ("language=tp=1", 0, "no layout for component images. Add --component images=tp=N"),
    (
      "language=tp=1 vision=tp=1", 0, "the model has no component 'vision'. Its components are language, images"
    ),
    (
      "language=tp=1 images=tp=1 images=tp=2", 0,
      "component images is laid out twice. Give --component once for each"
    ),
    (
      "language=tp=3 images=tp=1", 0,
      "language: tp=3 is not a power of two, as components that talk to each other need. Use tp=2 or 4"
    ),
    (
      "language=tp=1 images=tp=1,ep=2", 0,
      "images is an encoder and has no experts, but ep=2 and etp=1. Leave ep and etp out of --component images"
    ),
    (
      "language=tp=1 images=tp=2,etp=2", 0,
      "images is an encoder and has no experts, but ep=1 and etp=2. Leave ep and etp out of --component images"
    ),
    (
      "language=tp=1 images=tp=1,pp=2", 0,
      "images is an encoder and is not cut into pipeline stages, but pp=2. "
        + "Leave pp, pp_first and pp_last out of --component images, use dp or tp"
    ),
    (
      "language=tp=2,dp=2,ep=3,etp=2 images=tp=1", 0,
      "language: etp=2 x ep=3 does not divide the 4 ranks of a stage (tp=2 x cp=1 x dp=2). Use dp=3 or a multiple of it"
    ),
    (
      "language=tp=1,dp=2 images=tp=1,dp=3", 0,
      "language has dp=2, images has dp=3: one must divide the other. Use dp=2 for both, or dp=1 for one of them"
    ),
    (
      "language=tp=2,rank_offset=0 images=tp=1,rank_offset=1", 0,
      "language (ranks 0 to 1) and images (rank 1) overlap. Use rank_offset=2 for images, or leave rank_offset out"
    ),
    (
      "language=tp=2 images=tp=1,rank_offset=5", 0,
      "ranks 2 to 4 would belong to no component: images starts at 5. "
        + "Use rank_offset=2 for images, or leave rank_offset out"
    ),
    (
      "language=tp=2 images=tp=1,rank_offset=1", 0,
      "rank 0 would belong to no component: images starts at 1. Use rank_offset=0 for images, or leave rank_offset out"
    ),
    (
      "language=tp=2,dp=1 images=tp=1,dp=1", 4,
      "the components take 3 ranks, but the world has 4. Use --world-size 3, or other dp"
    ),
    (
      "language=tp=2 images=tp=1", 9,
      "9 ranks can not be shared out evenly to 2 components. Give each component its dp, or a --world-size that divides"
    ),
    (
      "language=tp=4 images=tp=1", 6,
      "language: an equal share of 3 of the 6 ranks does not divide by tp=4 x cp=1 x pp=1. Give each component its dp"
    ),
    ("language=tp=16777216,pp=16777216 images=tp=1", 0, "language: more than 16777216 ranks"),
  ])
  func saysWhatDoesNotFit(text: String, world: Int, reason: String) {
    #expect(refusal { _ = try solve(text, world: world == 0 ? nil : world) } == reason)
  }

  @Test(arguments: ["", ",etp=1", ",etp=2"]) func specificationsAreReadBackAsTheSameLayout(etp: String) throws {
    let cluster = try solve("images=tp=2,dp=2 language=tp=2,pp=3,cp=2,ep=2,pp_first=1,pp_last=2\(etp)")
    let written = cluster.components.map { $0.layout.specification($0.name) }
    #expect(try solve(written.joined(separator: " ")).components == cluster.components)
    let recorded = try ClusterLayout.solve(written.map { try ComponentRequest(recorded: $0) }, declared: declared)
    #expect(recorded.components == cluster.components)
  }
}

@Suite struct SingleLayoutTests {
  @Test(arguments: [
    (ClusterLayout.SingleRequest(), 1), (.init(tp: 2, pp: 2), 4), (.init(tp: 2, ep: 2, etp: 1), 2),
    (.init(tp: 2, ep: 2), 4), (.init(tp: 3, pp: 2, cp: 2, ep: 4, etp: 1), 24),
  ])
  func takesTheFewestRanks(request: ClusterLayout.SingleRequest, world: Int) throws {
    let cluster = try ClusterLayout.single(request)
    #expect(cluster.worldSize == world)
    #expect(try cluster.component(named: "images").layout == cluster.component(named: "language").layout)
  }

  @Test func fillsAWorldWithCopies() throws {
    #expect(try ClusterLayout.single(.init(tp: 2, pp: 2), worldSize: 12).components[0].layout.dp == 3)
    #expect(
      refusal { _ = try ClusterLayout.single(.init(tp: 2, pp: 2), worldSize: 6) }
        == "6 ranks can not be filled by a model that takes 4 ranks or a multiple of them. Use --world-size 4")
  }

  @Test func refusesSizesBelowOne() {
    #expect(refusal { _ = try ClusterLayout.single(.init(tp: 0)) } == "model: tp=0, but a size is at least 1")
    #expect(
      refusal { _ = try ClusterLayout.single(.init(ppFirst: 0)) }
        == "model: pp_first=0, but a pipeline stage has at least 1 layer")
  }
}
