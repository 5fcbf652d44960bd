/// The fingerprint that torch.save puts last into an archive: 20 decimal digits of the member names, 20 of their CRCs.
///
/// Nothing reads it; it is made so that our archives equal torch's byte for byte. Source: torch 2.15
/// `inline_container.cc` (`writeSerializationId`), which hashes the names in the iteration order of a
/// `std::unordered_set`, here that of libstdc++ on 64 bit.
enum SerializationID {
  static let memberName = ".data/serialization_id"
  static let length = 40

  /// Members in write order; empty ones count with their name only.
  static func text(nameHash: UInt64, contents: [(size: UInt64, crc: UInt32)]) -> String {
    var crcs: UInt64 = 0
    for content in contents where content.size > 0 { crcs = combine(crcs, UInt64(content.crc)) }
    return digits(nameHash) + digits(crcs)
  }

  /// Hash of names without the root folder, in write order.
  static func hash(ofNames names: [String]) -> UInt64 {
    setOrder(names.map { hash(Array($0.utf8)) }).reduce(0, combine)
  }

  private static func digits(_ value: UInt64) -> String {
    let text = String(value)
    return String(repeating: "0", count: 20 - text.count) + text
  }

  /// c10's hash_combine.
  private static func combine(_ seed: UInt64, _ value: UInt64) -> UInt64 {
    seed ^ (value &+ 0x9E37_79B9 &+ (seed << 6) &+ (seed >> 2))
  }

  /// `std::hash<std::string>` of libstdc++: MurmurHash64A with a fixed seed.
  private static func hash(_ bytes: [UInt8]) -> UInt64 {
    let factor: UInt64 = 0xC6A4_A793_5BD1_E995
    func word(_ range: Range<Int>) -> UInt64 { range.reversed().reduce(0) { $0 << 8 | UInt64(bytes[$1]) } }
    var result = 0xC70F_6907 ^ (UInt64(bytes.count) &* factor)
    let whole = bytes.count & ~7
    for start in stride(from: 0, to: whole, by: 8) {
      var next = word(start..<start + 8) &* factor
      next = (next ^ (next >> 47)) &* factor
      result = (result ^ next) &* factor
    }
    if whole < bytes.count { result = (result ^ word(whole..<bytes.count)) &* factor }
    result = (result ^ (result >> 47)) &* factor
    return result ^ (result >> 47)
  }

  /// Iteration order of a set into which the hashes were put one after the other.
  ///
  /// The set is one list: an element goes before the others of its bucket, or to the very front when it is the first.
  private static func setOrder(_ hashes: [UInt64]) -> [UInt64] {
    var buckets: UInt64 = 1
    var list: [UInt64] = []
    for hash in hashes {
      if UInt64(list.count) + 1 > buckets {
        buckets = grown(buckets)
        list = list.reduce(into: []) { insert($1, into: &$0, buckets: buckets) }
      }
      insert(hash, into: &list, buckets: buckets)
    }
    return list
  }

  private static func insert(_ hash: UInt64, into list: inout [UInt64], buckets: UInt64) {
    let place = list.firstIndex { $0 % buckets == hash % buckets } ?? 0
    list.insert(hash, at: place)
  }

  /// The least prime of libstdc++'s table that is twice as large; the first growth is to 13.
  private static func grown(_ buckets: UInt64) -> UInt64 {
    let primes: [UInt64] = [
      13, 29, 59, 127, 257, 541, 1109, 2357, 5087, 10273, 20753, 42043, 85229, 172933, 351061, 712697, 1_447_153,
    ]
    return primes.first { $0 > buckets } ?? buckets * 2 + 1
  }
}
