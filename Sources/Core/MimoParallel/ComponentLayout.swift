import MimoSystem
import MimoTensor

/// The parallel sizes of one component, all known, and the first of its ranks.
package struct ComponentLayout: Sendable, Hashable {
  /// Tensor parallel size.
  package var tp: Int
  /// Pipeline parallel size.
  package var pp: Int
  /// Data parallel size.
  package var dp: Int
  /// Context parallel size.
  package var cp: Int
  /// Expert parallel size.
  package var ep: Int
  /// Tensor parallel size of routed experts.
  package var etp: Int
  /// Layers on the first pipeline stage; nil: an even share.
  package var ppFirst: Int?
  /// Layers on the last pipeline stage; nil: an even share.
  package var ppLast: Int?
  /// The first rank of the component.
  package var rankOffset: Int

  package init(
    tp: Int = 1, pp: Int = 1, dp: Int = 1, cp: Int = 1, ep: Int = 1, etp: Int? = nil, ppFirst: Int? = nil,
    ppLast: Int? = nil, rankOffset: Int = 0
  ) {
    self.tp = tp
    self.pp = pp
    self.dp = dp
    self.cp = cp
    self.ep = ep
    self.etp = etp ?? tp
    self.ppFirst = ppFirst
    self.ppLast = ppLast
    self.rankOffset = rankOffset
  }

  /// More ranks than this are taken for a slip of the pen; it also keeps all products far from overflow.
  package static let mostRanks = 1 << 24

  /// Number of ranks. Only meaningful after `check`.
  package var rankCount: Int { tp * cp * dp * pp }
  /// Ranks of one pipeline stage.
  package var ranksPerStage: Int { tp * cp * dp }
  /// Data parallel size of routed experts: what the expert sizes leave of a stage.
  package var edp: Int { ranksPerStage / (etp * ep) }
  /// The ranks of the component.
  package var ranks: Range<Int> { rankOffset..<(rankOffset + rankCount) }

  /// Sizes are positive, the experts' grid covers the same ranks as the dense one, and the ranks can be counted.
  ///
  /// Source: Megatron-Bridge, `ModuleParallelismConfig.finalize`.
  package func check(_ name: String) throws(MimoError) {
    try checkPositive(name)
    guard ranksPerStage % (etp * ep) == 0 else {
      let enough = smallestDP
      throw MimoError(
        .layout,
        "\(name): etp=\(etp) x ep=\(ep) does not divide the \(ranksPerStage) ranks of a stage "
          + "(tp=\(tp) x cp=\(cp) x dp=\(dp))", remedy: "Use dp=\(enough) or a multiple of it")
    }
  }

  /// The least dp with which the experts' grid covers the same ranks as the dense one.
  var smallestDP: Int { leastCommonMultiple(tp * cp, etp * ep) / (tp * cp) }

  /// What `check` asks of each size alone.
  func checkPositive(_ name: String) throws(MimoError) {
    for (label, size) in [("tp", tp), ("pp", pp), ("dp", dp), ("cp", cp), ("ep", ep), ("etp", etp)] where size < 1 {
      throw MimoError(.layout, "\(name): \(label)=\(size), but a size is at least 1")
    }
    for (label, layers) in [("pp_first", ppFirst), ("pp_last", ppLast)] {
      if let layers, layers < 1 {
        throw MimoError(.layout, "\(name): \(label)=\(layers), but a pipeline stage has at least 1 layer")
      }
    }
    guard rankOffset >= 0 else {
      throw MimoError(.layout, "\(name): rank_offset=\(rankOffset), but the first rank is 0")
    }
    guard let dense = product([tp, cp, dp, pp]), let expert = product([etp, ep]), dense <= Self.mostRanks,
      expert <= Self.mostRanks, rankOffset <= Self.mostRanks
    else {
      throw MimoError(.layout, "\(name): more than \(Self.mostRanks) ranks")
    }
  }

  /// The layout as `--component` takes it, nothing left out: `language=tp=2,pp=1,...`.
  package func specification(_ name: String) -> String {
    var text = "\(name)=tp=\(tp),pp=\(pp),dp=\(dp),cp=\(cp),ep=\(ep),etp=\(etp)"
    if let ppFirst { text += ",pp_first=\(ppFirst)" }
    if let ppLast { text += ",pp_last=\(ppLast)" }
    return text + ",rank_offset=\(rankOffset)"
  }
}

/// Of two positive numbers whose product does not overflow.
func leastCommonMultiple(_ a: Int, _ b: Int) -> Int {
  var (x, y) = (a, b)
  while y != 0 { (x, y) = (y, x % y) }
  return a / x * b
}
