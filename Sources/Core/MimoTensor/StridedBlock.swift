/// A block of elements that lies, strided, in two buffers at once: a move between them.
///
/// `left` is the side of the Hugging Face tensor, `right` that of the stored chunk. All numbers count elements.
package struct StridedBlock: Sendable, Hashable {
  package var extent: DimVector
  package var left: Side
  package var right: Side

  /// Where the block lies on one side.
  package struct Side: Sendable, Hashable {
    package var base: Int
    package var strides: DimVector
    package init(base: Int, strides: DimVector) {
      self.base = base
      self.strides = strides
    }
  }

  package init(extent: DimVector, left: Side, right: Side) {
    precondition(extent.count == left.strides.count && extent.count == right.strides.count)
    self.extent = extent
    self.left = left
    self.right = right
  }

  package var volume: Int { extent.reduce(1, *) }

  /// First and one past the last element that the block touches on the left.
  package var leftBounds: Range<Int> { left.base..<(left.base + StridedBlock.span(extent, left.strides)) }

  /// The same block with as few dimensions as possible, sorted by falling stride on the left.
  package func normalized() -> StridedBlock {
    var result = droppingUnitDims()
    result.sortByLeftStride()
    result.mergeAdjacentDims()
    return result
  }

  /// The part of a normalized block whose left elements lie in `window`, as blocks.
  ///
  /// - Complexity: O(number of blocks made), at most two cuts a dimension and a side.
  package func cut(to window: Range<Int>, into result: inout [StridedBlock]) {
    let bounds = leftBounds
    if bounds.lowerBound >= window.upperBound || bounds.upperBound <= window.lowerBound { return }
    if bounds.lowerBound >= window.lowerBound && bounds.upperBound <= window.upperBound {
      result.append(self)
      return
    }
    // Not empty and not whole: the outermost dimension has more than one step, or is cut inside its only step.
    let step = left.strides[0]
    let innerSpan = bounds.count - (extent[0] - 1) * step
    var index = Swift.max(0, (window.lowerBound - left.base - innerSpan + step) / step)
    while index < extent[0] {
      let start = left.base + index * step
      if start >= window.upperBound { return }
      let whole = wholeSteps(from: index, innerSpan: innerSpan, window: window)
      if whole > 0 {
        result.append(slice(from: index, count: whole))
        index += whole
      } else {
        slice(from: index, count: 1).droppingDim(0).cut(to: window, into: &result)
        index += 1
      }
    }
  }

  /// How many steps of the outermost dimension, from `index` on, lie wholly in `window`.
  private func wholeSteps(from index: Int, innerSpan: Int, window: Range<Int>) -> Int {
    let start = left.base + index * left.strides[0]
    guard start >= window.lowerBound, start + innerSpan <= window.upperBound else { return 0 }
    return Swift.min(extent[0] - index, (window.upperBound - innerSpan - start) / left.strides[0] + 1)
  }

  private func slice(from index: Int, count: Int) -> StridedBlock {
    var copy = self
    copy.extent[0] = count
    copy.left.base += index * left.strides[0]
    copy.right.base += index * right.strides[0]
    return copy
  }

  private func droppingDim(_ dim: Int) -> StridedBlock {
    var copy = self
    copy.extent.remove(at: dim)
    copy.left.strides.remove(at: dim)
    copy.right.strides.remove(at: dim)
    return copy
  }

  private func droppingUnitDims() -> StridedBlock {
    var copy = self
    for dim in (0..<extent.count).reversed() where extent[dim] == 1 { copy = copy.droppingDim(dim) }
    return copy
  }

  private mutating func sortByLeftStride() {
    // At most eight dims: insertion sort, stable.
    for i in 0..<extent.count {
      var j = i
      while j > 0, left.strides[j - 1] < left.strides[j] {
        extent.swapAt(j, j - 1)
        left.strides.swapAt(j, j - 1)
        right.strides.swapAt(j, j - 1)
        j -= 1
      }
    }
  }

  private mutating func mergeAdjacentDims() {
    var dim = extent.count - 1
    while dim > 0 {
      let inner = extent[dim]
      if left.strides[dim - 1] == inner * left.strides[dim], right.strides[dim - 1] == inner * right.strides[dim] {
        extent[dim - 1] *= inner
        left.strides[dim - 1] = left.strides[dim]
        right.strides[dim - 1] = right.strides[dim]
        self = droppingDim(dim)
      }
      dim -= 1
    }
  }

  /// Distance from the first to one past the last element of a strided box.
  package static func span(_ extent: DimVector, _ strides: DimVector) -> Int {
    var span = 1
    for i in 0..<extent.count {
      if extent[i] == 0 { return 0 }
      span += (extent[i] - 1) * strides[i]
    }
    return span
  }
}

extension StridedBlock {
  /// The block as runs that are contiguous on the right, in rising order: where each starts, and its length.
  ///
  /// Also answers the block with its dims sorted by falling stride on the right: packed in that order, run follows run.
  package func rightRuns() -> (packed: StridedBlock, run: Int, starts: RunStarts) {
    var sorted = droppingUnitDims()
    swap(&sorted.left, &sorted.right)
    sorted.sortByLeftStride()
    swap(&sorted.left, &sorted.right)
    var run = 1
    var outer = sorted.extent.count
    while outer > 0, sorted.right.strides[outer - 1] == run {
      run *= sorted.extent[outer - 1]
      outer -= 1
    }
    return (sorted, run, RunStarts(base: sorted.right.base, extent: sorted.extent, strides: sorted.right.strides, dims: outer))
  }

  /// Start positions of the contiguous runs of a strided box, row by row.
  package struct RunStarts: Sequence, IteratorProtocol {
    private var position: Int
    private var remaining: Int
    private var index = DimVector()
    private let extent: DimVector
    private let strides: DimVector
    private let dims: Int
    package let count: Int

    init(base: Int, extent: DimVector, strides: DimVector, dims: Int) {
      position = base
      self.extent = extent
      self.strides = strides
      self.dims = dims
      var n = 1
      for i in 0..<dims { n *= extent[i] }
      count = n
      remaining = n
      index = DimVector(repeating: 0, count: dims)
    }

    package mutating func next() -> Int? {
      guard remaining > 0 else { return nil }
      let result = position
      remaining -= 1
      var dim = dims - 1
      while dim >= 0 {
        index[dim] += 1
        position += strides[dim]
        if index[dim] < extent[dim] { break }
        position -= index[dim] * strides[dim]
        index[dim] = 0
        dim -= 1
      }
      return result
    }
  }
}
