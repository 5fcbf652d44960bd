/// The dimensions of a whole tensor, as all ranks together hold it.
package struct GlobalShape: Sendable, Hashable, CustomStringConvertible {
  package var dims: DimVector
  package init(_ dims: DimVector) { self.dims = dims }
  package var rank: Int { dims.count }
  package var description: String { dims.description }
  /// Number of elements; nil when it overflows.
  package var elementCount: Int? { product(dims) }
}

/// The dimensions of what one rank holds of a tensor. Not interchangeable with `GlobalShape`.
package struct LocalShape: Sendable, Hashable, CustomStringConvertible {
  package var dims: DimVector
  package init(_ dims: DimVector) { self.dims = dims }
  package var rank: Int { dims.count }
  package var description: String { dims.description }
  /// Number of elements; nil when it overflows.
  package var elementCount: Int? { product(dims) }
}

/// Product of non-negative numbers, nil on overflow or a negative factor.
@inlinable
package func product(_ dims: some Collection<Int>) -> Int? {
  var result = 1
  for n in dims {
    let (next, overflow) = result.multipliedReportingOverflow(by: n)
    guard !overflow, n >= 0 else { return nil }
    result = next
  }
  return result
}

/// Sum of non-negative numbers, `Int.max` where it overflows.
@inlinable
package func saturatingSum(_ numbers: some Sequence<Int>) -> Int {
  var sum = 0
  for n in numbers {
    let (next, overflow) = sum.addingReportingOverflow(n)
    if overflow { return .max }
    sum = next
  }
  return sum
}

/// Row-major strides, in elements. Where a dimension is 0 the others may be anything, and the strides mean nothing.
package func rowMajorStrides(_ dims: DimVector) -> DimVector {
  var strides = DimVector(repeating: 1, count: dims.count)
  var stride = 1
  for i in (0..<dims.count).reversed() {
    strides[i] = stride
    stride &*= Swift.max(dims[i], 1)
  }
  return strides
}

/// A box of a tensor's index space: where it starts and how far it reaches in each dimension.
package struct Region: Sendable, Hashable, CustomStringConvertible {
  package var offset: DimVector
  package var extent: DimVector

  package init(offset: DimVector, extent: DimVector) {
    precondition(offset.count == extent.count)
    self.offset = offset
    self.extent = extent
  }

  /// All of a tensor.
  package init(whole shape: GlobalShape) {
    self.init(offset: DimVector(repeating: 0, count: shape.rank), extent: shape.dims)
  }

  package var rank: Int { offset.count }
  /// Number of elements. Regions are only made inside shapes whose element count was checked.
  package var volume: Int { extent.reduce(1, *) }

  package func isInside(_ shape: GlobalShape) -> Bool {
    guard rank == shape.rank else { return false }
    return (0..<rank).allSatisfy { offset[$0] >= 0 && extent[$0] >= 0 && extent[$0] <= shape.dims[$0] - offset[$0] }
  }

  /// The common box; nil when there is none.
  package func intersection(_ other: Region) -> Region? {
    guard rank == other.rank else { return nil }
    var result = self
    for i in 0..<rank {
      let low = Swift.max(offset[i], other.offset[i])
      let high = Swift.min(offset[i] + extent[i], other.offset[i] + other.extent[i])
      guard low < high else { return nil }
      result.offset[i] = low
      result.extent[i] = high - low
    }
    return result
  }

  /// Regions that are refused may hold any numbers, and still must be named.
  private static func description(from start: Int, _ extent: Int) -> String {
    let (end, overflow) = start.addingReportingOverflow(extent)
    return overflow ? "\(extent) from \(start) on" : "\(start)..<\(end)"
  }

  package var description: String {
    "[" + (0..<rank).map { Region.description(from: offset[$0], extent[$0]) }.joined(separator: ", ") + "]"
  }
}
