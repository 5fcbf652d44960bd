import MimoSystem

/// What one unit showed: its share in the sums of the run.
package struct UnitTally: Sendable, Hashable {
  /// A unit's share in one stored chunk.
  struct Chunk: Sendable, Hashable {
    var chunk: Int
    /// Raw CRC-32, XOR of the runs.
    var digest: UInt32 = 0
    var elements = 0
  }

  /// Raw CRC-64 of its part of the whole tensor's stored bytes (of the codes of an encoded one).
  var wholeDigest: UInt64 = 0
  /// The same of the scales of an encoded tensor.
  var scaleDigest: UInt64?
  /// CRC-64 of all scales that were read, also those that another unit has a share for; 0 where there are none.
  var scalesRead: UInt64 = 0
  /// A chunk may appear more than once.
  var chunks: [Chunk] = []
  /// Elements that the way back would not restore.
  var lost = 0
  var bytesRead = 0
  var bytesWritten = 0

  mutating func add(digest: UInt32, ofChunk chunk: Int) { chunks[position(of: chunk)].digest ^= digest }

  mutating func add(elements: Int, ofChunk chunk: Int) { chunks[position(of: chunk)].elements += elements }

  /// Runs come chunk by chunk: only the last one is looked at.
  private mutating func position(of chunk: Int) -> Int {
    if chunks.last?.chunk != chunk { chunks.append(Chunk(chunk: chunk)) }
    return chunks.count - 1
  }
}

/// What all units showed: all sums are independent of order, so results do not depend on workers.
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

  mutating func add(_ unit: UnitTally, ofTensor tensor: Int) {
    wholeDigests[tensor] ^= unit.wholeDigest
    if let digest = unit.scaleDigest { scaleDigests[tensor, default: 0] ^= digest }
    for part in unit.chunks {
      chunkDigests[part.chunk] ^= part.digest
      chunkElements[part.chunk] += part.elements
    }
    if unit.lost > 0 { lost[tensor, default: 0] += unit.lost }
    bytesRead += unit.bytesRead
    bytesWritten += unit.bytesWritten
  }
}
