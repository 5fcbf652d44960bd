import AlgebraSupport
import MimoTensor
import Testing

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

@Suite struct StridedCopyTests {
  /// A block sorted for its right side, with a left side that is transposed and has gaps.
  private static func block(_ random: inout Seeded) -> StridedBlock {
    // Beyond the tile of a transpose, now and then.
    let extent = random.dims(rank: 0...4, extent: 1...(random.oneIn(4) ? 40 : 6)).prefix(random.oneIn(2) ? 2 : 4)
    var strides = extent.map { _ in 0 }
    var step = random.oneIn(4) ? 2 : 1
    for dim in strides.indices.shuffled(using: &random) {
      strides[dim] = step
      step = step * extent[dim] + (random.oneIn(3) ? random.number(1...3) : 0)
    }
    let dims = vector(Array(extent))
    return StridedBlock(
      extent: dims, left: .init(base: random.number(5...9), strides: vector(strides)),
      right: .init(base: 0, strides: rowMajorStrides(dims))
    ).rightRuns().packed
  }

  @Test(arguments: [1, 2, 4, 8])
  func bothWaysAreElementLoops(width: Int) {
    for seed in 0..<150 {
      var random = Seeded(seed)
      let block = Self.block(&random)
      let windowStart = 3
      let left = (0..<((block.leftBounds.upperBound + 4 - windowStart) * width)).map { _ in UInt8.random(in: 0...255, using: &random) }
      let places = indices(Array(block.extent)).map { block.left.base + dot($0, block.left.strides) - windowStart }

      var packed = [UInt8](repeating: 0, count: block.volume * width)
      left.withUnsafeBytes { from in
        packed.withUnsafeMutableBytes { to in
          guard let from = from.baseAddress, let to = to.baseAddress else { return }
          StridedCopy.pack(block, width: width, window: from, windowStart: windowStart, into: to)
        }
      }
      #expect(packed == places.flatMap { left[($0 * width)..<(($0 + 1) * width)] }, "seed \(seed): \(block)")

      var expected = [UInt8](repeating: 0xEE, count: left.count)
      for place in places { expected.replaceSubrange((place * width)..<((place + 1) * width), with: left[(place * width)..<((place + 1) * width)]) }
      var restored = [UInt8](repeating: 0xEE, count: left.count)
      restored.withUnsafeMutableBytes { to in
        packed.withUnsafeBytes { from in
          guard let from = from.baseAddress, let to = to.baseAddress else { return }
          StridedCopy.unpack(block, width: width, packed: from, window: to, windowStart: windowStart)
        }
      }
      #expect(restored == expected, "seed \(seed): nothing but the block may be written")
    }
  }
}
