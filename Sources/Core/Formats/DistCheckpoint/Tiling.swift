import MimoSystem
import MimoTensor

/// Proves that boxes cover a shape completely and without overlap.
package func checkTiling(_ regions: [Region], of shape: GlobalShape) throws(MimoError) {
  guard let whole = shape.elementCount else { throw MimoError(.invalidInput, "the shape \(shape) is too large") }
  var covered = 0
  for region in regions {
    guard region.isInside(shape) else {
      throw MimoError(.invalidInput, "the chunk \(region) leaves the shape \(shape)")
    }
    let (sum, overflow) = covered.addingReportingOverflow(region.volume)
    covered = overflow ? Int.max : sum
  }
  let boxes = regions.filter { $0.volume > 0 }
  if boxes.count > 1 { try checkDisjoint(boxes) }
  guard covered == whole else {
    throw MimoError(
      .invalidInput, "its chunks cover \(covered) of \(whole) elements", remedy: "The checkpoint is not complete")
  }
}

/// Splits groups of boxes along one dimension after the other until each is alone. Boxes of a grid, even an uneven one,
/// come apart that way in n log n; what remains is compared pair by pair.
private func checkDisjoint(_ boxes: [Region]) throws(MimoError) {
  var pending: [(boxes: [Region], dim: Int, tried: Int)] = [(boxes, 0, 0)]
  while let group = pending.popLast() {
    let rank = group.boxes[0].rank
    guard group.boxes.count > 1 else { continue }
    guard group.tried < rank else {
      try comparePairs(group.boxes)
      continue
    }
    let dim = group.dim
    let sorted = group.boxes.sorted { $0.offset[dim] < $1.offset[dim] }
    var start = 0
    var reach = sorted[0].offset[dim]
    for (place, box) in sorted.enumerated() {
      if box.offset[dim] >= reach, place > start {
        pending.append((Array(sorted[start..<place]), (dim + 1) % rank, 0))
        start = place
      }
      reach = max(reach, box.offset[dim] + box.extent[dim])
    }
    pending.append((Array(sorted[start...]), (dim + 1) % rank, start == 0 ? group.tried + 1 : 0))
  }
}

private func comparePairs(_ boxes: [Region]) throws(MimoError) {
  guard boxes.count <= 4096 else {
    throw MimoError(.unsupported, "\(boxes.count) of its chunks overlap or lie too irregularly")
  }
  for i in boxes.indices {
    for j in boxes.index(after: i)..<boxes.endIndex where boxes[i].intersection(boxes[j]) != nil {
      throw MimoError(.invalidInput, "the chunks \(boxes[i]) and \(boxes[j]) overlap")
    }
  }
}
