import AlgebraSupport

/// Random sizes of a model, so different that no tensor has the shape of another, or of its own transpose, by chance.
struct Sizes {
  private var random: Seeded
  /// Each is given out once, small ones first.
  private var primes: [Int]
  let tp: Int
  var etp: Int
  let ep: Int

  init(seed: Int) {
    random = Seeded(seed)
    primes = [17, 19, 23].shuffled(using: &random) + [5, 7, 11, 13].shuffled(using: &random)
    (tp, etp, ep) = (random.number(2...3), random.number(2...3), random.number(1...3))
  }

  mutating func prime() -> Int { primes.removeLast() }

  mutating func few() -> Int { random.number(1...3) }
}

/// One of `count` equal shares, as a rank has it.
struct Share: Hashable {
  var rank: Int
  var count: Int

  static let whole = Share(rank: 0, count: 1)

  /// This rank's part of `total` things in a row.
  func of(_ total: Int) -> Range<Int> {
    let size = total / count
    return (rank * size)..<((rank + 1) * size)
  }
}

extension PlainTensor {
  /// A rank's rows.
  func rows(_ share: Share) -> PlainTensor { rows(share.of(dims[0])) }
  /// A rank's columns.
  func columns(_ share: Share) -> PlainTensor { columns(share.of(dims[1])) }
}
