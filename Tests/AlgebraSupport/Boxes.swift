import MimoTensor

package func vector(_ numbers: [Int]) -> DimVector { DimVector(exactly: numbers) ?? [] }
package func shape(_ dims: [Int]) -> GlobalShape { GlobalShape(vector(dims)) }

/// All indices of a box of `dims`, row-major.
package func indices(_ dims: some Sequence<Int>) -> [[Int]] {
  var result: [[Int]] = [[]]
  for extent in dims { result = result.flatMap { index in (0..<extent).map { index + [$0] } } }
  return result
}

/// The same, as runs along the last dim: where each starts, and how long it is.
package func runs(_ dims: [Int]) -> [(index: [Int], length: Int)] {
  guard let last = dims.last else { return [([], 1)] }
  return indices(dims.dropLast()).map { ($0 + [0], last) }
}

package func dot(_ index: [Int], _ strides: some Sequence<Int>) -> Int { zip(index, strides).reduce(0) { $0 + $1.0 * $1.1 } }

/// Row-major position of `index` in `dims`.
package func position(_ index: [Int], in dims: [Int]) -> Int { zip(index, dims).reduce(0) { $0 * $1.1 + $1.0 } }

extension Region {
  package init(_ offset: [Int], _ extent: [Int]) { self.init(offset: vector(offset), extent: vector(extent)) }

  /// Row-major positions of the region's elements in a tensor of `dims`.
  package func positions(in dims: [Int]) -> [Int] {
    indices(Array(extent)).map { position(zip($0, offset).map { $0 + $1 }, in: dims) }
  }

  /// The region cut, again and again, into about `pieces` boxes.
  package func tiled(_ pieces: Int, _ random: inout Seeded) -> [Region] {
    guard pieces > 1, let dim = (0..<rank).filter({ extent[$0] > 1 }).randomElement(using: &random) else { return [self] }
    let at = random.number(1...(extent[dim] - 1))
    var (low, high) = (self, self)
    low.extent[dim] = at
    high.offset[dim] += at
    high.extent[dim] -= at
    let share = random.number(1...(pieces - 1))
    return low.tiled(share, &random) + high.tiled(pieces - share, &random)
  }
}
