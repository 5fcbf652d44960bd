import MimoParallel
import MimoTensor

/// Bytes and tensors of one component, summed up by what makes ranks of a stage differ: their experts, and under
/// Megatron-FSDP their rows.
struct RankSums {
  struct Sum {
    var bytes = 0
    var tensors = 0

    mutating func add(_ bytes: Int) {
      self.bytes += bytes
      tensors += 1
    }
  }

  private let grid: RankGrid
  /// By stage: what every rank holds, then by expert parallel rank.
  private var dense: [Sum]
  private var expert: [[Sum]]
  /// By stage and place on the fsdp axis, and by stage, expert parallel rank and place: shared rows. Empty without such.
  private var denseRows: [[Sum]] = []
  private var expertRows: [[[Sum]]] = []

  init(_ grid: RankGrid) {
    self.grid = grid
    let l = grid.layout
    dense = Array(repeating: Sum(), count: l.pp)
    expert = Array(repeating: Array(repeating: Sum(), count: l.ep), count: l.pp)
  }

  private mutating func makeRoomForRows() {
    guard denseRows.isEmpty else { return }
    let l = grid.layout
    denseRows = Array(repeating: Array(repeating: Sum(), count: l.dp * l.cp), count: l.pp)
    expertRows = Array(repeating: Array(repeating: Array(repeating: Sum(), count: grid.edp), count: l.ep), count: l.pp)
  }

  mutating func add(_ sharding: Sharding, _ dtype: DType) {
    let stage = sharding.stage
    guard sharding.rows != nil else {
      let bytes = dtype.byteCount(elements: sharding.localShape.elementCount ?? 0) ?? 0
      if let rank = sharding.expertRank { expert[stage][rank].add(bytes) } else { dense[stage].add(bytes) }
      return
    }
    makeRoomForRows()
    for place in sharding.holdingPlaces {
      let elements = sharding.localShape(ofPlace: place).elementCount ?? 0
      let bytes = dtype.byteCount(elements: elements) ?? 0
      guard elements > 0 else { continue }
      if let rank = sharding.expertRank { expertRows[stage][rank][place].add(bytes) } else { denseRows[stage][place].add(bytes) }
    }
  }

  /// A tied copy, where there is more than one stage.
  mutating func addCopyOnLastStage(of sharding: Sharding, _ dtype: DType) {
    guard grid.layout.pp > 1 else { return }
    dense[grid.layout.pp - 1].add(dtype.byteCount(elements: sharding.localShape.elementCount ?? 0) ?? 0)
  }

  func holdsAnything(at stage: Int) -> Bool {
    let rows = denseRows.isEmpty ? [] : denseRows[stage] + expertRows[stage].joined()
    return dense[stage].tensors > 0 || (expert[stage] + rows).contains { $0.tensors > 0 }
  }

  /// Least and most of a rank of a stage.
  func range(of path: KeyPath<Sum, Int>, at stage: Int) -> ClosedRange<Int> {
    let own = dense[stage][keyPath: path]
    guard !denseRows.isEmpty else {
      let sums = expert[stage].map { own + $0[keyPath: path] }
      let least = sums.min() ?? own
      return least...max(least, sums.max() ?? own)
    }
    var (least, most) = (Int.max, 0)
    let first = grid.layout.rankOffset
    for rank in first..<first + grid.layout.ranksPerStage {
      let (dense, expert) = (grid.dense(of: rank), grid.expert(of: rank))
      let sum =
        own + self.expert[stage][expert.ep][keyPath: path]
        + denseRows[stage][dense.cp + grid.layout.cp * dense.dp][keyPath: path]
        + expertRows[stage][expert.ep][expert.edp][keyPath: path]
      (least, most) = (min(least, sum), max(most, sum))
    }
    return min(least, most)...most
  }
}
