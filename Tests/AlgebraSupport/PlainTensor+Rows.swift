/// What modules are made of, said in rows and columns: how a person would put a matrix together from others.
extension PlainTensor {
  package func rows(_ range: Range<Int>) -> PlainTensor {
    let width = elements.count / dims[0]
    var copy = self
    copy.dims[0] = range.count
    copy.elements = Array(elements[(range.lowerBound * width)..<(range.upperBound * width)])
    return copy
  }

  /// Of a matrix.
  package func columns(_ range: Range<Int>) -> PlainTensor { narrowed(dim: 1, start: range.lowerBound, length: range.count) }

  /// Rows of a head: block `index` of `size` rows each.
  package func block(_ index: Int, of size: Int) -> PlainTensor { rows((index * size)..<((index + 1) * size)) }

  /// Consecutive rows, as many as each says.
  package func parts(_ counts: [Int]) -> [PlainTensor] {
    var start = 0
    return counts.map { count in
      defer { start += count }
      return rows(start..<(start + count))
    }
  }

  /// Entry `index` of dim 0, without that dim.
  package func entry(_ index: Int) -> PlainTensor { rows(index..<(index + 1)).reshaped(Array(dims.dropFirst())) }

  /// A matrix with rows and columns exchanged.
  package func transposed() -> PlainTensor { permuted([1, 0]) }

  /// One below the other.
  package static func stacked(_ parts: [PlainTensor]) -> PlainTensor {
    var result = parts[0]
    result.dims[0] = parts.reduce(0) { $0 + $1.dims[0] }
    result.elements = parts.flatMap(\.elements)
    return result
  }
}
