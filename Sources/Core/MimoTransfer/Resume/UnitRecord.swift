/// A unit that is done, and what it showed, as the journal keeps it.
///
/// Form: u64 tensor, first element, end, whole digest, whether there are scales (0 or 1), their digest,
/// digest of the scales read, lost, bytes read, bytes written; then for each chunk u64 chunk, elements, u32 digest. All little-endian.
package struct UnitRecord: Sendable, Hashable {
  var unit: WorkUnit
  var tally: UnitTally

  private static let headSize = 10 * 8
  private static let chunkSize = 2 * 8 + 4
  /// More than a window and all of its copies; sums over all units stay far from overflow.
  private static let largestMove = 1 << 38

  init(_ unit: WorkUnit, _ tally: UnitTally) {
    self.unit = unit
    self.tally = tally
  }

  var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(UnitRecord.headSize + tally.chunks.count * UnitRecord.chunkSize)
    func put(_ number: some FixedWidthInteger) { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }
    put(Int64(unit.tensor))
    put(Int64(unit.elements.lowerBound))
    put(Int64(unit.elements.upperBound))
    put(tally.wholeDigest)
    put(UInt64(tally.scaleDigest == nil ? 0 : 1))
    put(tally.scaleDigest ?? 0)
    put(tally.scalesRead)
    put(Int64(tally.lost))
    put(Int64(tally.bytesRead))
    put(Int64(tally.bytesWritten))
    for chunk in tally.chunks {
      put(Int64(chunk.chunk))
      put(Int64(chunk.elements))
      put(chunk.digest)
    }
    return bytes
  }

  /// nil for bytes that are no record, or one of numbers that no unit of `plan` can have.
  init?(_ bytes: [UInt8], of plan: ConversionPlan) {
    guard bytes.count >= UnitRecord.headSize, (bytes.count - UnitRecord.headSize) % UnitRecord.chunkSize == 0 else {
      return nil
    }
    var position = 0
    func word<T: FixedWidthInteger>(_ type: T.Type) -> T {
      defer { position += MemoryLayout<T>.size }
      return bytes.withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: T.self)) }
    }
    /// A count or index; nil when negative or not below `limit`.
    func number(below limit: Int) -> Int? {
      let value = word(Int64.self)
      return value >= 0 && value < Int64(limit) ? Int(value) : nil
    }
    guard let tensor = number(below: plan.whole.count) else { return nil }
    let count = plan.whole[tensor].elementCount
    guard let start = number(below: count), let end = number(below: count + 1), start < end else { return nil }
    unit = WorkUnit(tensor: tensor, elements: start..<end)
    tally = UnitTally()
    tally.wholeDigest = word(UInt64.self)
    guard let hasScales = number(below: 2) else { return nil }
    let scaleDigest = word(UInt64.self)
    if hasScales == 1 { tally.scaleDigest = scaleDigest }
    tally.scalesRead = word(UInt64.self)
    guard let lost = number(below: end - start + 1), let read = number(below: UnitRecord.largestMove),
      let written = number(below: UnitRecord.largestMove)
    else { return nil }
    tally.lost = lost
    tally.bytesRead = read
    tally.bytesWritten = written
    while position < bytes.count {
      guard let chunk = number(below: plan.chunkCount),
        let elements = number(below: plan.volume(ofChunk: chunk) + 1)
      else { return nil }
      tally.chunks.append(.init(chunk: chunk, digest: word(UInt32.self), elements: elements))
    }
  }
}
