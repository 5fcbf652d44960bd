import MimoMapping
import MimoSystem
import MimoTensor

/// From the chunks to a whole tensor.
extension Mover {
  mutating func load(
    _ part: Part, of unit: WorkUnit, into buffer: UnsafeMutableRawBufferPointer
  ) throws(MimoError) {
    guard let base = buffer.baseAddress else { return }
    let (block, run, starts) = part.block.rightRuns()
    let width = part.converter.left.byteWidth ?? 1
    let stored = part.converter.right.byteWidth ?? 1
    let count = block.volume
    tally.bytesRead += count * stored
    tally.add(elements: count, ofChunk: part.chunk)
    let isDirect = Mover.isContiguousOnLeft(block)
    let place = base + (block.left.base - unit.elements.lowerBound) * width
    if isDirect, part.converter.isIdentity {
      try read(UnsafeMutableRawBufferPointer(start: place, count: count * stored), runs: starts, of: run * stored,
        width: stored, from: part.chunk)
      return
    }
    var staging = try packed.reserve(count * stored)
    try read(staging, runs: starts, of: run * stored, width: stored, from: part.chunk)
    if !part.converter.isIdentity {
      guard let source = staging.baseAddress else { return }
      let restored =
        isDirect ? UnsafeMutableRawBufferPointer(start: place, count: count * width) : try converted.reserve(count * width)
      guard let target = restored.baseAddress else { return }
      let lost = part.converter.invert(count, from: source, to: target)
      // A copy of what is counted already, or a kernel that is looked at once all elements are here.
      if !plan.stored.chunks[part.chunk].isReplica, !part.converter.needsMinimum { tally.lost += lost }
      staging = restored
    }
    guard !isDirect, let source = staging.baseAddress else { return }
    StridedCopy.unpack(block, width: width, packed: source, window: base, windowStart: unit.elements.lowerBound)
  }

  mutating func read(
    _ buffer: UnsafeMutableRawBufferPointer, runs: StridedBlock.RunStarts, of length: Int, width: Int, from index: Int
  ) throws(MimoError) {
    let chunk = plan.stored.chunks[index]
    let size = chunk.region.volume * width
    let file = storedFiles[chunk.file]
    var position = 0
    for start in runs {
      let run = UnsafeMutableRawBufferPointer(rebasing: buffer[position..<(position + length)])
      try file.read(into: run, at: chunk.offset + UInt64(start * width))
      digest(UnsafeRawBufferPointer(run), ofChunk: index, behind: size - chunk.number(ofElementAt: start) * width - length)
      position += length
    }
  }
}
