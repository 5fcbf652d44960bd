/// How the rows of a tensor are shared out over the ranks of the fsdp axis: unevenly, and some ranks may have none.
package struct RowCuts: Sendable, Hashable {
  /// Where each rank's rows begin, and the end of the last: ascending, one more than there are ranks.
  private let bounds: [Int]

  /// - Parameter bounds: ascending from 0 to the number of rows, at least two.
  package init(bounds: [Int]) {
    precondition(bounds.count >= 2 && bounds.first == 0 && zip(bounds, bounds.dropFirst()).allSatisfy { $0 <= $1 })
    self.bounds = bounds
  }

  package var rankCount: Int { bounds.count - 1 }
  package var rowCount: Int { bounds[bounds.count - 1] }

  /// The rows of one rank.
  package subscript(rank: Int) -> Range<Int> { bounds[rank]..<bounds[rank + 1] }

  /// The cuts of some of the rows, counted from the first of them.
  package func clipped(to rows: Range<Int>) -> RowCuts {
    RowCuts(bounds: bounds.map { min(max($0, rows.lowerBound), rows.upperBound) - rows.lowerBound })
  }
}
