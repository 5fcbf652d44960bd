/// The rank lists that a component's ranks talk in, one axis each.
package struct ProcessGroups: Sendable {
  package enum Axis: String, Sendable, CaseIterable {
    case tp, cp, dp, pp, etp, ep, edp
  }

  private let grid: RankGrid

  package init(_ grid: RankGrid) { self.grid = grid }

  /// All groups of an axis, each in the order of the axis, sorted by their first rank.
  package func groups(_ axis: Axis) -> [[Int]] {
    let (size, step) = extent(axis)
    let span = size * step
    var groups: [[Int]] = []
    groups.reserveCapacity(grid.layout.rankCount / size)
    for block in stride(from: grid.ranks.lowerBound, to: grid.ranks.upperBound, by: span) {
      for first in block..<(block + step) {
        groups.append((0..<size).map { first + $0 * step })
      }
    }
    return groups
  }

  /// How many ranks a group of the axis has, and how far apart they are numbered.
  private func extent(_ axis: Axis) -> (size: Int, step: Int) {
    let l = grid.layout
    return switch axis {
    case .tp: (l.tp, 1)
    case .cp: (l.cp, l.tp)
    case .dp: (l.dp, l.tp * l.cp)
    case .pp: (l.pp, l.ranksPerStage)
    case .etp: (l.etp, 1)
    case .ep: (l.ep, l.etp)
    case .edp: (grid.edp, l.etp * l.ep)
    }
  }
}
