/// Whether boxes cover a shape exactly once: no hole, no overlap, nothing outside.
package enum Tiling {
  package enum Fault: Sendable, Equatable, CustomStringConvertible {
    case outside(Region)
    case overlap(Region, Region)
    case uncovered(elements: Int)

    package var description: String {
      switch self {
      case .outside(let region): "\(region) reaches outside"
      case .overlap(let a, let b): "\(a) and \(b) overlap"
      case .uncovered(let elements): "\(elements) elements are covered by nothing"
      }
    }
  }

  /// nil when `regions` tile `shape`.
  ///
  /// - Complexity: O(n log n x rank) for grids of boxes, O(n^2) for boxes that interlock without a common cut.
  package static func fault(_ regions: [Region], in shape: GlobalShape) -> Fault? {
    for region in regions where !region.isInside(shape) { return .outside(region) }
    let filled = regions.filter { $0.volume > 0 }
    let total = shape.dims.reduce(1, *)
    let covered = saturatingSum(filled.lazy.map(\.volume))
    if filled.count == 1, covered == total { return nil }
    if let (a, b) = overlap(filled, Array(filled.indices), dim: 0) { return .overlap(filled[a], filled[b]) }
    return covered == total ? nil : .uncovered(elements: total - covered)
  }

  /// Two boxes of `members` with a common element, knowing that all of them agree in the dims before `dim`.
  private static func overlap(_ regions: [Region], _ members: [Int], dim: Int) -> (Int, Int)? {
    if members.count < 2 { return nil }
    if dim == regions[members[0]].rank { return (members[0], members[1]) }
    let sorted = members.sorted { regions[$0].offset[dim] < regions[$1].offset[dim] }
    var start = 0
    while start < sorted.count {
      var end = start + 1
      var reach = high(regions[sorted[start]], dim)
      var identical = true
      while end < sorted.count, regions[sorted[end]].offset[dim] < reach {
        identical = identical && same(regions[sorted[end]], regions[sorted[start]], dim)
        reach = max(reach, high(regions[sorted[end]], dim))
        end += 1
      }
      let group = Array(sorted[start..<end])
      if let found = identical ? overlap(regions, group, dim: dim + 1) : pairwiseOverlap(regions, group, dim: dim) {
        return found
      }
      start = end
    }
    return nil
  }

  private static func pairwiseOverlap(_ regions: [Region], _ sorted: [Int], dim: Int) -> (Int, Int)? {
    for i in sorted.indices {
      let reach = high(regions[sorted[i]], dim)
      for j in sorted.indices[(i + 1)...] {
        if regions[sorted[j]].offset[dim] >= reach { break }
        if regions[sorted[i]].intersection(regions[sorted[j]]) != nil { return (sorted[i], sorted[j]) }
      }
    }
    return nil
  }

  private static func high(_ region: Region, _ dim: Int) -> Int { region.offset[dim] + region.extent[dim] }

  private static func same(_ a: Region, _ b: Region, _ dim: Int) -> Bool {
    a.offset[dim] == b.offset[dim] && a.extent[dim] == b.extent[dim]
  }
}
