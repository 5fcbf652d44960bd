import MimoMapping
import MimoSystem
import MimoTensor

/// From a whole tensor to the chunks.
extension Mover {
  mutating func store(
    _ part: Part, of unit: WorkUnit, from buffer: UnsafeMutableRawBufferPointer
  ) throws(MimoError) {
    guard let base = buffer.baseAddress else { return }
    let (block, run, starts) = part.block.rightRuns()
    let width = part.converter.left.byteWidth ?? 1
    let count = block.volume
    var bytes: UnsafeRawPointer
    if Mover.isContiguousOnLeft(block) {
      bytes = UnsafeRawPointer(base + (block.left.base - unit.elements.lowerBound) * width)
    } else {
      let staging = try packed.reserve(count * width)
      guard let target = staging.baseAddress else { return }
      StridedCopy.pack(block, width: width, window: base, windowStart: unit.elements.lowerBound, into: target)
      bytes = UnsafeRawPointer(target)
    }
    let stored = part.converter.right.byteWidth ?? 1
    if !part.converter.isIdentity {
      let staging = try converted.reserve(count * stored)
      guard let target = staging.baseAddress else { return }
      let converter = try measured(part.converter, unit, base)
      let lost = converter.convert(count, from: bytes, to: target)
      if lost > 0, !plan.stored.chunks[part.chunk].isReplica { tally.lost += lost }
      bytes = UnsafeRawPointer(target)
    }
    BitFlip.pass(
      .converted, storedFiles[plan.stored.chunks[part.chunk].file].path, at: UInt64(unit.elements.lowerBound),
      UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(mutating: bytes), count: count * stored))
    try write(bytes, runs: starts, of: run * stored, width: stored, to: part.chunk)
    tally.add(elements: count, ofChunk: part.chunk)
    tally.bytesWritten += count * stored
  }

  private mutating func write(
    _ bytes: UnsafeRawPointer, runs: StridedBlock.RunStarts, of length: Int, width: Int, to index: Int
  ) throws(MimoError) {
    let chunk = plan.stored.chunks[index]
    let size = chunk.region.volume * width
    let file = storedFiles[chunk.file]
    var bytes = bytes
    for start in runs {
      let run = UnsafeRawBufferPointer(start: bytes, count: length)
      try file.write(run, at: chunk.offset + UInt64(start * width))
      digest(run, ofChunk: index, behind: size - chunk.number(ofElementAt: start) * width - length)
      bytes += length
    }
  }
}
