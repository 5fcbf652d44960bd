import MimoSystem

/// The generator of all random tests, with the choices that they make.
package typealias Seeded = SplitMix64

extension SplitMix64 {
  package init(_ seed: Int) { self.init(state: UInt64(bitPattern: Int64(seed)) &* SplitMix64.step) }

  package mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

  /// True once in `n` times.
  package mutating func oneIn(_ n: Int) -> Bool { number(1...n) == 1 }

  package mutating func dims(rank: ClosedRange<Int>, extent: ClosedRange<Int>) -> [Int] {
    (0..<number(rank)).map { _ in number(extent) }
  }

  /// Dims with product `count`, some of them 1.
  package mutating func factors(of count: Int, maxRank: Int) -> [Int] {
    var dims: [Int] = []
    var rest = count
    while dims.count < maxRank - 1, rest > 1 || oneIn(3) {
      let divisors = (1...rest).filter { rest % $0 == 0 }
      let divisor = divisors[number(0...(divisors.count - 1))]
      dims.append(divisor)
      rest /= divisor
      if oneIn(4) { break }
    }
    if rest > 1 || dims.isEmpty { dims.append(rest) }
    return dims.shuffled(using: &self)
  }

  /// `total` as `parts` positive numbers at most.
  package mutating func cut(_ total: Int, parts: Int) -> [Int] {
    guard total > 1 else { return [total] }
    let cuts = Set((1..<max(parts, 2)).map { _ in number(1...(total - 1)) }).sorted()
    return zip(cuts + [total], [0] + cuts).map { $0 - $1 }
  }
}
