import MimoMapping
import MimoTensor

/// A contiguous window of one whole tensor: what a worker does at a time.
package struct WorkUnit: Sendable, Hashable {
  package var tensor: Int
  /// Elements of the tensor, row-major.
  package var elements: Range<Int>

  package init(tensor: Int, elements: Range<Int>) {
    self.tensor = tensor
    self.elements = elements
  }

  /// Windows of at most `windowBytes` over all tensors, in the order of their bytes on disk, cut between rows where that
  /// is possible.
  package static func all(of plan: ConversionPlan, windowBytes: Int) -> [WorkUnit] {
    all(of: plan.whole, windowBytes: windowBytes)
  }

  /// The same over tensors alone.
  package static func all(of whole: [WholeTensor], windowBytes: Int) -> [WorkUnit] {
    let order = whole.indices.sorted { a, b in
      (whole[a].file, whole[a].offset, a) < (whole[b].file, whole[b].offset, b)
    }
    var units: [WorkUnit] = []
    units.reserveCapacity(order.count)
    for tensor in order {
      let count = whole[tensor].elementCount
      let step = windowElements(of: whole[tensor], windowBytes: windowBytes)
      var start = 0
      while start < count {
        units.append(WorkUnit(tensor: tensor, elements: start..<min(start + step, count)))
        start += step
      }
    }
    return units
  }

  /// How many `all` makes.
  package static func count(of whole: [WholeTensor], windowBytes: Int) -> Int {
    whole.reduce(0) { count, tensor in
      let step = windowElements(of: tensor, windowBytes: windowBytes)
      return count + (tensor.elementCount + step - 1) / step
    }
  }

  /// As many whole rows (or rows of rows) as fit.
  private static func windowElements(of tensor: WholeTensor, windowBytes: Int) -> Int {
    var limit = max(1, windowBytes / max(1, tensor.dtype.byteWidth ?? 1))
    if case .encoded(let form, _, _) = tensor.storage {
      // With a scale for every one or two elements, scales take more room than the elements.
      if case .fp8Block(_, let columns) = form, columns < 3 { limit = max(1, limit / 2) }
      limit = max(form.granule, limit / form.granule * form.granule)
    }
    var row = 1
    for extent in tensor.shape.dims.reversed() {
      guard row * extent <= limit else { break }
      row *= extent
    }
    return limit / row * row
  }
}
