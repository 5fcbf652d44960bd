import AlgebraSupport
import MimoTensor
import Testing

@Suite struct TilingTests {
  /// A random shape, and boxes that tile it.
  private struct Case {
    var dims: [Int]
    var boxes: [Region]
    var random: Seeded

    init(_ seed: Int) {
      random = Seeded(seed)
      dims = random.dims(rank: 1...4, extent: 1...7)
      boxes = Region(whole: shape(dims)).tiled(random.number(1...12), &random).shuffled(using: &random)
    }

    var fault: Tiling.Fault? { Tiling.fault(boxes, in: shape(dims)) }
  }

  @Test func tilingsAreAccepted() {
    for seed in 0..<500 {
      let one = Case(seed)
      #expect(one.fault == nil, "seed \(seed): \(one.boxes)")
    }
  }

  @Test func anEmptyBoxIsNoFault() {
    #expect(Tiling.fault([Region([0], [3]), Region([1], [0])], in: shape([3])) == nil)
    #expect(Tiling.fault([], in: shape([3, 0])) == nil)
    #expect(Tiling.fault([Region([], [])], in: shape([])) == nil)
  }

  @Test func aMissingBoxIsAHole() {
    for seed in 0..<300 {
      var one = Case(seed)
      let missing = one.boxes.removeLast()
      #expect(one.fault == .uncovered(elements: missing.volume), "seed \(seed)")
    }
  }

  @Test func aShrunkBoxIsAHole() {
    for seed in 0..<300 {
      var one = Case(seed)
      guard let box = one.boxes.indices.first(where: { one.boxes[$0].volume > 1 }) else { continue }
      let before = one.boxes[box]
      guard let dim = (0..<before.rank).first(where: { before.extent[$0] > 1 }) else { continue }
      one.boxes[box].extent[dim] -= 1
      if one.random.oneIn(2) { one.boxes[box].offset[dim] += 1 }
      #expect(one.fault == .uncovered(elements: before.volume / before.extent[dim]), "seed \(seed)")
    }
  }

  /// Any one box changed at random: the answer must be that of counting elements.
  @Test func aMovedOrGrownBoxIsFoundAsCountingFindsIt() {
    var kinds: Set<String> = []
    for seed in 0..<2000 {
      var one = Case(seed)
      let box = one.random.number(0...(one.boxes.count - 1))
      let dim = one.random.number(0...(one.dims.count - 1))
      one.boxes[box].offset[dim] += one.random.number(-1...1)
      one.boxes[box].extent[dim] = max(0, one.boxes[box].extent[dim] + one.random.number(-1...1))
      let expected = Self.count(one.boxes, one.dims)
      kinds.insert(expected)
      switch one.fault {
      case nil: #expect(expected == "fine", "seed \(seed): \(one.boxes)")
      case .outside(let region): #expect(expected == "outside" && !region.isInside(shape(one.dims)), "seed \(seed)")
      case .overlap(let a, let b): #expect(expected == "overlap" && a.intersection(b) != nil, "seed \(seed)")
      case .uncovered(let elements): #expect(expected == "hole of \(elements)", "seed \(seed): \(one.boxes)")
      case .irregular(let boxes): Issue.record("\(boxes) boxes are few enough to be compared, seed \(seed)")
      }
    }
    #expect(kinds.isSuperset(of: ["fine", "outside", "overlap", "hole of 1"]), "the seeds must reach every answer")
  }

  private static func count(_ boxes: [Region], _ dims: [Int]) -> String {
    if boxes.contains(where: { !$0.isInside(shape(dims)) }) { return "outside" }
    var seen = [Int](repeating: 0, count: dims.reduce(1, *))
    for box in boxes { for position in box.positions(in: dims) { seen[position] += 1 } }
    if seen.contains(where: { $0 > 1 }) { return "overlap" }
    let holes = seen.count { $0 == 0 }
    return holes == 0 ? "fine" : "hole of \(holes)"
  }

  /// Five boxes around a middle one: no straight cut parts them.
  private static let pinwheel = [
    Region([0, 0], [1, 2]), Region([0, 2], [2, 1]), Region([2, 1], [1, 2]), Region([1, 0], [2, 1]), Region([1, 1], [1, 1]),
  ]

  @Test(arguments: 0..<5)
  func interlockingBoxes(_ number: Int) {
    var boxes = Self.pinwheel
    #expect(Tiling.fault(boxes, in: shape([3, 3])) == nil)
    let missing = boxes.remove(at: number)
    #expect(Tiling.fault(boxes, in: shape([3, 3])) == .uncovered(elements: missing.volume))
    // As many elements as the shape has, but one box lies on another.
    let double = Self.pinwheel[(number + 1) % 5]
    guard case .overlap(let a, let b) = Tiling.fault(boxes + [double], in: shape([3, 3])) else {
      Issue.record("the overlap was not found")
      return
    }
    #expect(a == double && b == double)
  }

  @Test func hugeBoxesThatOverlapDoNotOverflow() {
    let whole = Region([0, 0], [1 << 31, 1 << 31])
    let fault = Tiling.fault([whole, whole, whole, whole], in: shape([1 << 31, 1 << 31]))
    #expect(fault == .overlap(whole, whole))
  }

  @Test func faultsAreWords() {
    let box = Region([0], [2])
    #expect(Tiling.Fault.outside(box).description == "[0..<2] reaches outside")
    #expect(Tiling.Fault.overlap(box, box).description == "[0..<2] and [0..<2] overlap")
    #expect(Tiling.Fault.uncovered(elements: 3).description == "3 elements are covered by nothing")
  }

  /// A row, the column below its first element, a row of what is left...: each cut takes off a single box.
  @Test func boxesThatComeOffOneAtATimeEndBeforeTheyTakeLong() {
    func peeled(_ side: Int) -> [Region] {
      (0..<side).flatMap { k in
        [Region([k, k], [1, side - k]), Region([k + 1, k], [side - k - 1, 1])]
      }
    }
    #expect(Tiling.fault(peeled(500), in: shape([500, 500])) == nil)
    guard case .irregular = Tiling.fault(peeled(5_000), in: shape([5_000, 5_000])) else {
      Issue.record("ten thousand boxes were cut off one after the other")
      return
    }
  }
}
