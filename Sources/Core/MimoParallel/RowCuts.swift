/// How the rows of a tensor are shared out over the ranks of the fsdp axis: unevenly, and some ranks may have none.
package struct RowCuts: Sendable {
  /// Where the rows begin of each rank before they are clipped, ascending, and the end of the last.
  private enum Bounds: Sendable {
    case listed([Int])
    /// Parts of one size of a flat buffer: a plan of thousands of ranks keeps no list a parameter.
    case even(EvenParts)
  }

  private let bounds: Bounds
  /// The rows that are meant, counted from the first of `bounds`.
  private let rows: Range<Int>
  package let rankCount: Int

  private init(_ bounds: Bounds, rows: Range<Int>, rankCount: Int) {
    self.bounds = bounds
    self.rows = rows
    self.rankCount = rankCount
  }

  /// - Parameter bounds: ascending from 0 to the number of rows, at least two.
  package init(bounds: [Int]) {
    precondition(bounds.count >= 2 && bounds.first == 0 && zip(bounds, bounds.dropFirst()).allSatisfy { $0 <= $1 })
    self.init(.listed(bounds), rows: 0..<bounds[bounds.count - 1], rankCount: bounds.count - 1)
  }

  init(_ parts: EvenParts, over ranks: Int) {
    precondition(ranks >= 1)
    self.init(.even(parts), rows: 0..<parts.bound(ranks), rankCount: ranks)
  }

  package var rowCount: Int { rows.count }

  /// The rows of one rank.
  package subscript(rank: Int) -> Range<Int> {
    precondition((0..<rankCount).contains(rank))
    return bound(rank)..<bound(rank + 1)
  }

  /// The ranks from the first to the last that hold any row.
  package var holders: Range<Int> {
    let first = firstPlace { bound($0 + 1) > 0 }
    return first..<max(first, firstPlace { bound($0) == rowCount })
  }

  /// The cuts of some of the rows, counted from the first of them.
  package func clipped(to part: Range<Int>) -> RowCuts {
    let own = part.clamped(to: 0..<rowCount)
    return RowCuts(
      bounds, rows: (rows.lowerBound + own.lowerBound)..<(rows.lowerBound + own.upperBound), rankCount: rankCount)
  }

  private func bound(_ place: Int) -> Int {
    let whole =
      switch bounds {
      case .listed(let list): list[place]
      case .even(let parts): parts.bound(place)
      }
    return min(max(whole, rows.lowerBound), rows.upperBound) - rows.lowerBound
  }

  /// The first rank that `isReached` holds for, where it holds for all that follow; `rankCount` for none.
  private func firstPlace(_ isReached: (Int) -> Bool) -> Int {
    var (low, high) = (0, rankCount)
    while low < high {
      let middle = (low + high) / 2
      if isReached(middle) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}

/// A parameter in a flat buffer that is cut into parts of one size.
struct EvenParts: Sendable {
  /// Elements of a rank's part of the buffer.
  let part: Int
  /// Where the parameter begins in the buffer.
  let start: Int
  /// Elements of the parameter, and of one of its rows.
  let count: Int
  let row: Int

  /// The row at which a rank's part begins. A cut inside a row, which only what is smaller than a cell can have, is moved
  /// to the row's end.
  func bound(_ rank: Int) -> Int {
    let elements = min(max(rank * part - start, 0), count)
    return (elements + row - 1) / row
  }
}
