/// Whether boxes cover a shape exactly once: no hole, no overlap, nothing outside.
package enum Tiling {
  package enum Fault: Sendable, Equatable, CustomStringConvertible {
    case outside(Region)
    case overlap(Region, Region)
    case uncovered(elements: Int)
    /// So many boxes interlock that comparing each with each would take too long; no real checkpoint has that.
    case irregular(boxes: Int)

    package var description: String {
      switch self {
      case .outside(let region): "\(region) reaches outside"
      case .overlap(let a, let b): "\(a) and \(b) overlap"
      case .uncovered(let elements): "\(elements) elements are covered by nothing"
      case .irregular(let boxes): "\(boxes) boxes interlock too irregularly to be compared"
      }
    }
  }

  /// nil when `regions` tile `shape`.
  ///
  /// - Complexity: O(n log n x rank) for boxes that come apart by cuts, O(n^2) for at most 4096 that interlock. What takes
  ///   longer, as boxes that come off one at a time do, is `irregular`.
  package static func fault(_ regions: [Region], in shape: GlobalShape) -> Fault? {
    if regions.count == 1, regions[0] == Region(whole: shape) { return nil }
    for region in regions where !region.isInside(shape) { return .outside(region) }
    let filled = regions.filter { $0.volume > 0 }
    let total = shape.dims.reduce(1, *)
    let covered = saturatingSum(filled.lazy.map(\.volume))
    if filled.count == 1, covered == total { return nil }
    if covered == total, areDisjointSlabs(filled, of: shape) { return nil }
    if let fault = overlap(filled) { return fault }
    return covered == total ? nil : .uncovered(elements: total - covered)
  }

  /// Whether the boxes are whole but along one dimension, and do not touch there: how shards nearly always lie.
  private static func areDisjointSlabs(_ regions: [Region], of shape: GlobalShape) -> Bool {
    guard let first = regions.first, let cut = (0..<first.rank).first(where: { first.extent[$0] != shape.dims[$0] }) else {
      return false
    }
    for region in regions {
      for dim in 0..<region.rank where dim != cut && region.extent[dim] != shape.dims[dim] { return false }
    }
    var reaches = regions.map { (start: $0.offset[cut], end: $0.offset[cut] + $0.extent[cut]) }
    reaches.sort { $0.start < $1.start }
    return zip(reaches, reaches.dropFirst()).allSatisfy { $0.end <= $1.start }
  }

  private static let mostInterlocked = 4096
  /// Comparisons that one tiling may cost: `looksPerBox` for each of its boxes and dimensions, or `fewestLooks` for a small
  /// one. Grids of any size take far less.
  private static let looksPerBox = 256
  private static let fewestLooks = 1 << 24

  /// Two boxes with a common element.
  ///
  /// Splits groups of boxes along one dimension after the other until each is alone: boxes of a grid, even an uneven one,
  /// come apart that way. What does not come apart along any dimension is compared pair by pair.
  private static func overlap(_ regions: [Region]) -> Fault? {
    guard let rank = regions.first?.rank, regions.count > 1 else { return nil }
    if rank == 0 { return .overlap(regions[0], regions[1]) }
    var pending: [(members: [Int], dim: Int, tried: Int)] = [(Array(regions.indices), 0, 0)]
    var looks = max(fewestLooks, regions.count * looksPerBox * rank)
    while let group = pending.popLast() {
      guard group.members.count > 1 else { continue }
      looks -= cost(of: group.members.count, isSplit: group.tried < rank)
      guard looks >= 0 else { return .irregular(boxes: group.members.count) }
      if group.tried == rank {
        guard group.members.count <= mostInterlocked else { return .irregular(boxes: group.members.count) }
        if let (a, b) = pairwiseOverlap(regions, group.members) { return .overlap(regions[a], regions[b]) }
        continue
      }
      let parts = split(group.members, of: regions, along: group.dim)
      let tried = parts.count == 1 ? group.tried + 1 : 0
      for part in parts { pending.append((part, (group.dim + 1) % rank, tried)) }
    }
    return nil
  }

  /// Comparisons that sorting so many boxes takes, or holding each against each.
  private static func cost(of boxes: Int, isSplit: Bool) -> Int {
    isSplit ? boxes * (Int.bitWidth - boxes.leadingZeroBitCount) : boxes * boxes / 2
  }

  /// The members in groups whose reaches along `dim` do not touch.
  private static func split(_ members: [Int], of regions: [Region], along dim: Int) -> [[Int]] {
    let sorted = members.sorted { regions[$0].offset[dim] < regions[$1].offset[dim] }
    var parts: [[Int]] = []
    var start = 0
    var reach = high(regions[sorted[0]], dim)
    for place in sorted.indices.dropFirst() {
      if regions[sorted[place]].offset[dim] >= reach {
        parts.append(Array(sorted[start..<place]))
        start = place
      }
      reach = max(reach, high(regions[sorted[place]], dim))
    }
    parts.append(Array(sorted[start...]))
    return parts
  }

  private static func pairwiseOverlap(_ regions: [Region], _ members: [Int]) -> (Int, Int)? {
    let sorted = members.sorted { regions[$0].offset[0] < regions[$1].offset[0] }
    for i in sorted.indices {
      let reach = high(regions[sorted[i]], 0)
      for j in sorted.indices[(i + 1)...] {
        if regions[sorted[j]].offset[0] >= reach { break }
        if regions[sorted[i]].intersection(regions[sorted[j]]) != nil { return (sorted[i], sorted[j]) }
      }
    }
    return nil
  }

  private static func high(_ region: Region, _ dim: Int) -> Int { region.offset[dim] + region.extent[dim] }

}
