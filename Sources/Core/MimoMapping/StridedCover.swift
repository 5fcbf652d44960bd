import MimoTensor

/// Whether strided pieces cover a tensor's elements exactly once.
///
/// Pieces of reshaped, permuted and narrowed tensors are boxes of a common mixed-radix view of the linear index; in that
/// view the question is a tiling of boxes. Pieces without a common view are compared run by run.
enum StridedCover {
  enum Fault: Equatable {
    case overlap
    case uncovered(elements: Int)
    /// Too irregular to be decided within bounds.
    case undecided
  }

  /// One strided piece: element positions `base + sum(index * stride)`.
  struct Piece {
    var base: Int
    var extent: DimVector
    var strides: DimVector
    var volume: Int { extent.reduce(1, *) }
  }

  /// nil when `pieces` cover 0..<count exactly once. Pieces must be normalized (see `StridedBlock.normalized`).
  static func fault(_ pieces: [Piece], count: Int) -> Fault? {
    let covered = saturatingSum(pieces.lazy.map(\.volume))
    if covered < count { return .uncovered(elements: count - covered) }
    if covered > count { return .overlap }
    if pieces.count == 1, pieces[0].extent.count <= 1 { return nil }
    if let boxes = commonView(pieces, count: count) { return faultOfBoxes(boxes.regions, in: boxes.shape) }
    return faultOfRuns(pieces, count: count)
  }

  private static func faultOfBoxes(_ regions: [Region], in shape: GlobalShape) -> Fault? {
    switch Tiling.fault(regions, in: shape) {
    case nil: nil
    case .uncovered(let elements): .uncovered(elements: elements)
    case .overlap, .outside: .overlap
    case .irregular: .undecided
    }
  }

  /// The pieces as boxes of one mixed-radix shape of the linear index; nil when there is none.
  private static func commonView(_ pieces: [Piece], count: Int) -> (shape: GlobalShape, regions: [Region])? {
    var places: Set<Int> = [1]
    for piece in pieces { for stride in piece.strides { places.insert(stride) } }
    let radix = places.sorted()
    guard radix.count <= DimVector.capacity, let top = radix.last, count % top == 0 else { return nil }
    for i in radix.indices.dropFirst() where radix[i] % radix[i - 1] != 0 { return nil }
    var sizes: [Int] = []
    for i in radix.indices { sizes.append((i + 1 < radix.count ? radix[i + 1] : count) / radix[i]) }
    var regions: [Region] = []
    for piece in pieces {
      guard let region = box(piece, radix: radix, sizes: sizes) else { return nil }
      regions.append(region)
    }
    guard let dims = DimVector(exactly: sizes) else { return nil }
    return (GlobalShape(dims), regions)
  }

  private static func box(_ piece: Piece, radix: [Int], sizes: [Int]) -> Region? {
    var offset = DimVector()
    var extent = DimVector()
    var carried = 1
    for (place, size) in zip(radix, sizes) {
      let digit = piece.base / place % size
      let own = piece.strides.firstIndex(of: place).map { piece.extent[$0] } ?? 1
      guard own == 1 || carried == 1 else { return nil }
      var steps = own * carried
      carried = 1
      if digit + steps > size {
        guard digit == 0, steps % size == 0 else { return nil }
        carried = steps / size
        steps = size
      }
      offset.append(digit)
      extent.append(steps)
    }
    return carried == 1 ? Region(offset: offset, extent: extent) : nil
  }

  private static let runLimit = 1 << 22

  private static func faultOfRuns(_ pieces: [Piece], count: Int) -> Fault? {
    var runs: [Range<Int>] = []
    for piece in pieces {
      let block = StridedBlock(
        extent: piece.extent, left: .init(base: 0, strides: piece.strides),
        right: .init(base: piece.base, strides: piece.strides))
      let (_, length, starts) = block.rightRuns()
      guard runs.count + starts.count <= runLimit else { return .undecided }
      for start in starts { runs.append(start..<(start + length)) }
    }
    runs.sort { $0.lowerBound < $1.lowerBound }
    var end = 0
    for run in runs {
      if run.lowerBound < end { return .overlap }
      if run.lowerBound > end { return .uncovered(elements: run.lowerBound - end) }
      end = run.upperBound
    }
    return end == count ? nil : .uncovered(elements: count - end)
  }
}
