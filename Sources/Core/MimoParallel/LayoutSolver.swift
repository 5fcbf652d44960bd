import MimoSystem

extension ClusterLayout {
  /// Solves the layout of a MIMO model as a whole.
  ///
  /// What was left out is filled in: dp with the smallest that fits, or with an equal share of `worldSize`; rank_offset
  /// with the first free ranks, one component after another. Refused: what does not tile the ranks from 0 without gap
  /// or overlap, and what Megatron-Bridge's `MegatronMIMOParallelismConfig` refuses.
  package static func solve(
    _ requests: [ComponentRequest], declared: [Declared], worldSize: Int? = nil
  ) throws(MimoError) -> ClusterLayout {
    var solver = LayoutSolver(requests: requests, worldSize: worldSize)
    try solver.matchNames(with: declared)
    try solver.takeSizes(from: declared)
    try solver.fillDataParallel()
    try solver.checkAcross()
    try solver.fillOffsets()
    return try solver.layout()
  }
}

/// The steps of `ClusterLayout.solve`, in the order in which they are called.
struct LayoutSolver {
  private let requests: [ComponentRequest]
  private let worldSize: Int?
  private var layouts: [ComponentLayout] = []

  init(requests: [ComponentRequest], worldSize: Int?) {
    self.requests = requests
    self.worldSize = worldSize
  }

  /// Each declared component is laid out exactly once, and nothing else is.
  func matchNames(with declared: [ClusterLayout.Declared]) throws(MimoError) {
    let known = declared.map(\.name)
    var seen: Set<String> = []
    for request in requests {
      guard known.contains(request.name) else {
        throw MimoError(
          .layout, "the model has no component '\(request.name)'",
          remedy: "Its components are \(known.joined(separator: ", "))")
      }
      guard seen.insert(request.name).inserted else {
        throw MimoError(.layout, "component \(request.name) is laid out twice", remedy: "Give --component once for each")
      }
    }
    let missing = known.filter { !seen.contains($0) }
    guard missing.isEmpty else {
      throw MimoError(
        .layout, "no layout for component \(missing.joined(separator: ", "))",
        remedy: "Add " + missing.map { "--component \($0)=tp=N" }.joined(separator: " "))
    }
  }

  /// Fills in all but dp and the rank offset, and checks what concerns one component alone.
  mutating func takeSizes(from declared: [ClusterLayout.Declared]) throws(MimoError) {
    for request in requests {
      let isEncoder = declared.contains { $0.name == request.name && $0.isEncoder }
      let layout = ComponentLayout(
        tp: request[.tp] ?? 1, pp: request[.pp] ?? 1, dp: request.dataParallel ?? 1, cp: request[.cp] ?? 1,
        ep: request[.ep] ?? 1, etp: request.expertTensorParallel(isEncoder: isEncoder), ppFirst: request[.ppFirst],
        ppLast: request[.ppLast], rankOffset: request[.rankOffset] ?? 0)
      try layout.checkPositive(request.name)
      guard !isEncoder || (layout.ep == 1 && layout.etp == 1) else {
        throw MimoError(
          .layout, "\(request.name) is an encoder and has no experts, but ep=\(layout.ep) and etp=\(layout.etp)",
          remedy: "Leave ep and etp out of --component \(request.name)")
      }
      // The reference builds an encoder as one stage whatever pp says.
      guard !isEncoder || (layout.pp == 1 && layout.ppFirst == nil && layout.ppLast == nil) else {
        throw MimoError(
          .layout, "\(request.name) is an encoder and is not cut into pipeline stages, but pp=\(layout.pp)",
          remedy: "Leave pp, pp_first and pp_last out of --component \(request.name), use dp or tp")
      }
      guard layout.tp & (layout.tp - 1) == 0 else {
        let below = 1 << (Int.bitWidth - 1 - layout.tp.leadingZeroBitCount)
        throw MimoError(
          .layout, "\(request.name): tp=\(layout.tp) is not a power of two, as components that talk to each other need",
          remedy: "Use tp=\(below) or \(below * 2)")
      }
      layouts.append(layout)
    }
  }

  /// Fills in dp where it was left out, and checks that experts fit.
  mutating func fillDataParallel() throws(MimoError) {
    for i in layouts.indices where requests[i].dataParallel == nil {
      layouts[i].dp = try worldSize == nil ? smallestDP(i) : equalShareDP(i)
    }
    for i in layouts.indices { try layouts[i].check(requests[i].name) }
  }

  /// The least dp that the experts allow and that goes with the dp of the components that say theirs.
  private func smallestDP(_ i: Int) -> Int {
    let least = layouts[i].smallestDP
    let said = requests.indices.compactMap { requests[$0].dataParallel }
    guard let largest = said.max(), largest <= ComponentLayout.mostRanks else { return least }
    let candidates = stride(from: least, through: leastCommonMultiple(least, largest), by: least)
    return candidates.first { dp in said.allSatisfy { goTogether(dp, $0) } } ?? least
  }

  /// The dp with which a component fills its share of the world.
  private func equalShareDP(_ i: Int) throws(MimoError) -> Int {
    let world = worldSize ?? 0
    guard world > 0, world % requests.count == 0 else {
      throw MimoError(
        .layout, "\(counted(world, "rank")) can not be shared out evenly to \(counted(requests.count, "component"))",
        remedy: "Give each component its dp, or a --world-size that divides")
    }
    let share = world / requests.count
    let l = layouts[i]
    let model = l.tp * l.cp * l.pp
    guard share % model == 0 else {
      throw MimoError(
        .layout,
        "\(requests[i].name): an equal share of \(share) of the \(world) ranks does not divide by "
          + "tp=\(l.tp) x cp=\(l.cp) x pp=\(l.pp)", remedy: "Give each component its dp")
    }
    return share / model
  }

  /// What two components must agree on to hand over batches.
  func checkAcross() throws(MimoError) {
    for i in layouts.indices {
      for j in layouts.indices where j > i && !goTogether(layouts[i].dp, layouts[j].dp) {
        throw MimoError(
          .layout,
          "\(requests[i].name) has dp=\(layouts[i].dp), \(requests[j].name) has dp=\(layouts[j].dp): "
            + "one must divide the other", remedy: "Use dp=\(layouts[i].dp) for both, or dp=1 for one of them")
      }
    }
  }

  private func goTogether(_ a: Int, _ b: Int) -> Bool { a % b == 0 || b % a == 0 }

  /// Puts the components without an offset on the first free ranks that take them, in the order given.
  mutating func fillOffsets() throws(MimoError) {
    var taken = layouts.indices.filter { requests[$0][.rankOffset] != nil }
    for i in layouts.indices where requests[i][.rankOffset] == nil {
      var start = 0
      for other in taken.map({ layouts[$0].ranks }).sorted(by: { $0.lowerBound < $1.lowerBound }) {
        if start + layouts[i].rankCount <= other.lowerBound { break }
        start = max(start, other.upperBound)
      }
      layouts[i].rankOffset = start
      taken.append(i)
    }
    try checkTiling()
  }

  /// The components' ranks fill the world from 0, each rank once.
  private func checkTiling() throws(MimoError) {
    var next = 0
    var before = ""
    for i in layouts.indices.sorted(by: { layouts[$0].rankOffset < layouts[$1].rankOffset }) {
      let (name, ranks) = (requests[i].name, layouts[i].ranks)
      if ranks.lowerBound < next {
        throw MimoError(
          .layout, "\(before) and \(name) (\(words(ranks))) overlap",
          remedy: "Use rank_offset=\(next) for \(name), or leave rank_offset out")
      }
      if ranks.lowerBound > next {
        throw MimoError(
          .layout, "\(words(next..<ranks.lowerBound)) would belong to no component: \(name) starts at "
            + "\(ranks.lowerBound)", remedy: "Use rank_offset=\(next) for \(name), or leave rank_offset out")
      }
      next = ranks.upperBound
      before = "\(name) (\(words(ranks)))"
    }
    if let worldSize, worldSize != next {
      throw MimoError(
        .layout, "the components take \(counted(next, "rank")), but the world has \(worldSize)",
        remedy: "Use --world-size \(next), or other dp")
    }
  }

  private func words(_ ranks: Range<Int>) -> String {
    ranks.count == 1 ? "rank \(ranks.lowerBound)" : "ranks \(ranks.lowerBound) to \(ranks.upperBound - 1)"
  }

  func layout() throws(MimoError) -> ClusterLayout {
    var components: [ClusterLayout.Component] = []
    for (request, layout) in zip(requests, layouts) {
      components.append(ClusterLayout.Component(name: request.name, grid: try RankGrid(layout, of: request.name)))
    }
    let worldSize = layouts.map(\.ranks.upperBound).max() ?? 0
    return ClusterLayout(form: .mimo, components: components, worldSize: worldSize)
  }
}
