/// What one element of a target is made of.
package enum PlainElement: Hashable, Sendable {
  case zero
  case source(Int, index: Int, mapped: Bool)

  package var isMapped: Bool {
    if case .source(_, _, mapped: true) = self { true } else { false }
  }

  package var isZero: Bool { self == .zero }
}

/// The plain interpreter of the mapping graph: every element by itself, nothing but loops over indices.
package struct PlainTensor: Hashable, Sendable {
  package var dims: [Int]
  /// Row-major.
  package var elements: [PlainElement]

  package init(source: Int, dims: [Int]) {
    self.dims = dims
    elements = (0..<dims.reduce(1, *)).map { .source(source, index: $0, mapped: false) }
  }

  /// Takes each element from where `origin` says.
  private init(dims: [Int], _ origin: ([Int]) -> PlainElement) {
    self.dims = dims
    elements = indices(dims).map(origin)
  }

  package subscript(index: [Int]) -> PlainElement { elements[position(index, in: dims)] }

  package func narrowed(dim: Int, start: Int, length: Int) -> PlainTensor {
    var dims = dims
    dims[dim] = length
    return PlainTensor(dims: dims) { index in
      var index = index
      index[dim] += start
      return self[index]
    }
  }

  package func permuted(_ order: [Int]) -> PlainTensor {
    PlainTensor(dims: order.map { dims[$0] }) { index in
      var old = index
      for (new, dim) in order.enumerated() { old[dim] = index[new] }
      return self[old]
    }
  }

  package func reshaped(_ dims: [Int]) -> PlainTensor {
    var copy = self
    copy.dims = dims
    return copy
  }

  package func padded(dim: Int, to extent: Int) -> PlainTensor {
    var dims = dims
    dims[dim] = extent
    return PlainTensor(dims: dims) { $0[dim] < self.dims[dim] ? self[$0] : .zero }
  }

  package func mapped() -> PlainTensor {
    var copy = self
    copy.elements = elements.map { element in
      if case .source(let source, let index, _) = element { .source(source, index: index, mapped: true) } else { .zero }
    }
    return copy
  }

  package static func concat(_ parts: [PlainTensor], dim: Int) -> PlainTensor {
    var dims = parts[0].dims
    dims[dim] = parts.reduce(0) { $0 + $1.dims[dim] }
    return PlainTensor(dims: dims) { index in
      var index = index
      var part = 0
      while index[dim] >= parts[part].dims[dim] {
        index[dim] -= parts[part].dims[dim]
        part += 1
      }
      return parts[part][index]
    }
  }
}
