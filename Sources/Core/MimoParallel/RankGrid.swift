import MimoSystem

/// Which rank of a component stands where, in its dense and in its expert grid.
///
/// Both grids number the same ranks, the first named dimension fastest: tp-cp-dp-pp and etp-ep-edp-pp.
/// Source: Megatron-LM, `HyperCommGrid` with its "expert" view; the same order as `parallel_state` uses.
package struct RankGrid: Sendable, Hashable {
  /// A place in the grid of everything but routed experts.
  package struct Dense: Sendable, Hashable {
    package var tp, cp, dp, pp: Int
    package init(tp: Int = 0, cp: Int = 0, dp: Int = 0, pp: Int = 0) {
      self.tp = tp
      self.cp = cp
      self.dp = dp
      self.pp = pp
    }
  }

  /// A place in the grid of routed experts.
  package struct Expert: Sendable, Hashable {
    package var etp, ep, edp, pp: Int
    package init(etp: Int = 0, ep: Int = 0, edp: Int = 0, pp: Int = 0) {
      self.etp = etp
      self.ep = ep
      self.edp = edp
      self.pp = pp
    }
  }

  package let layout: ComponentLayout
  /// Data parallel size of routed experts.
  package let edp: Int

  /// - Parameter name: names the component in errors.
  package init(_ layout: ComponentLayout, of name: String) throws(MimoError) {
    try layout.check(name)
    self.layout = layout
    self.edp = layout.edp
  }

  /// Global numbers of the ranks of the grid.
  package var ranks: Range<Int> { layout.ranks }

  /// Where a rank of `ranks` stands in the dense grid.
  package func dense(of rank: Int) -> Dense {
    precondition(ranks.contains(rank))
    var rest = rank - layout.rankOffset
    let tp = take(layout.tp, from: &rest)
    let cp = take(layout.cp, from: &rest)
    let dp = take(layout.dp, from: &rest)
    return Dense(tp: tp, cp: cp, dp: dp, pp: rest)
  }

  /// Where a rank of `ranks` stands in the expert grid.
  package func expert(of rank: Int) -> Expert {
    precondition(ranks.contains(rank))
    var rest = rank - layout.rankOffset
    let etp = take(layout.etp, from: &rest)
    let ep = take(layout.ep, from: &rest)
    let edp = take(edp, from: &rest)
    return Expert(etp: etp, ep: ep, edp: edp, pp: rest)
  }

  package func rank(at place: Dense) -> Int {
    layout.rankOffset + place.tp + layout.tp * (place.cp + layout.cp * (place.dp + layout.dp * place.pp))
  }

  package func rank(at place: Expert) -> Int {
    layout.rankOffset + place.etp + layout.etp * (place.ep + layout.ep * (place.edp + edp * place.pp))
  }

  private func take(_ size: Int, from rest: inout Int) -> Int {
    defer { rest /= size }
    return rest % size
  }
}
