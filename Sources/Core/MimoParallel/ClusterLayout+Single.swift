import MimoSystem

extension ClusterLayout {
  /// Sizes of a single model as the user wrote them: --tp, --pp, --cp, --ep, --etp, --pp-first, --pp-last, --fsdp.
  package struct SingleRequest: Sendable, Hashable {
    package var tp, pp, cp, ep, etp, ppFirst, ppLast, fsdp: Int?

    package init(
      tp: Int? = nil, pp: Int? = nil, cp: Int? = nil, ep: Int? = nil, etp: Int? = nil, ppFirst: Int? = nil,
      ppLast: Int? = nil, fsdp: Int? = nil
    ) {
      self.tp = tp
      self.pp = pp
      self.cp = cp
      self.ep = ep
      self.etp = etp
      self.ppFirst = ppFirst
      self.ppLast = ppLast
      self.fsdp = fsdp
    }
  }

  /// One grid for the whole model: the smallest, pp x lcm(tp x cp, etp x ep) ranks, or all of `worldSize`.
  package static func single(_ request: SingleRequest, worldSize: Int? = nil) throws(MimoError) -> ClusterLayout {
    var layout = ComponentLayout(
      tp: request.tp ?? 1, pp: request.pp ?? 1, cp: request.cp ?? 1, ep: request.ep ?? 1, etp: request.etp,
      ppFirst: request.ppFirst, ppLast: request.ppLast)
    try layout.checkPositive("model")
    layout.dp = request.fsdp ?? layout.smallestDP
    try layout.check("model")
    let smallest = layout.rankCount
    if let worldSize {
      guard worldSize > 0, worldSize % smallest == 0 else {
        throw MimoError(
          .layout, "\(counted(worldSize, "rank")) can not be filled by a model that takes \(counted(smallest, "rank")) or a multiple of them",
          remedy: "Use --world-size \(max(1, worldSize / smallest) * smallest)")
      }
      layout.dp *= worldSize / smallest
    }
    let grid = try RankGrid(layout, of: "model")
    return ClusterLayout(form: .single, components: [Component(name: "model", grid: grid)], worldSize: layout.rankCount)
  }
}
