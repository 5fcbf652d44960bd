/// What one worker has seen, merged at the end: all sums are independent of order, so results do not depend on workers.
struct Tally: Sendable {
  /// Raw CRC-64 of each whole tensor's stored bytes (of the codes of an encoded one), XOR of its runs.
  var wholeDigests: [UInt64]
  /// The same of the scales of encoded tensors.
  var scaleDigests: [Int: UInt64] = [:]
  /// Raw CRC-32 of each stored chunk, XOR of its runs.
  var chunkDigests: [UInt32]
  /// Elements moved to or from each stored chunk.
  var chunkElements: [Int]
  /// Elements of each whole tensor that the way back would not restore.
  var lost: [Int: Int] = [:]
  var bytesRead = 0
  var bytesWritten = 0

  init(whole: Int, chunks: Int) {
    wholeDigests = Array(repeating: 0, count: whole)
    chunkDigests = Array(repeating: 0, count: chunks)
    chunkElements = Array(repeating: 0, count: chunks)
  }

  mutating func merge(_ other: Tally) {
    for i in wholeDigests.indices { wholeDigests[i] ^= other.wholeDigests[i] }
    for i in chunkDigests.indices { chunkDigests[i] ^= other.chunkDigests[i] }
    for i in chunkElements.indices { chunkElements[i] += other.chunkElements[i] }
    lost.merge(other.lost, uniquingKeysWith: +)
    scaleDigests.merge(other.scaleDigests, uniquingKeysWith: ^)
    bytesRead += other.bytesRead
    bytesWritten += other.bytesWritten
  }
}
