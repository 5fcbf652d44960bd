import MimoMapping
import MimoSystem
import MimoTensor

/// Units that are done, looked at again: nothing is written or converted for others.
extension Mover {
  /// Reads a unit's window of a whole file; returns what it shows.
  mutating func readWholeAgain(_ unit: WorkUnit) throws(MimoError) -> UnitTally {
    tally = UnitTally()
    let tensor = plan.whole[unit.tensor]
    let width = tensor.dtype.byteWidth ?? 1
    let buffer = try window.reserve(unit.elements.count * width)
    do throws(MimoError) {
      try fill(buffer, with: unit, of: tensor, at: tensor.offset + UInt64(unit.elements.lowerBound * width))
    } catch {
      throw error.at(tensor: tensor.name)
    }
    return tally
  }

  /// Reads a unit's parts of all chunks, copies too, as they are stored; returns what they show.
  mutating func readChunksAgain(_ unit: WorkUnit) throws(MimoError) -> UnitTally {
    tally = UnitTally()
    do throws(MimoError) {
      try forEachPart(of: unit, replicas: true) { mover, part throws(MimoError) in try mover.readAgain(part) }
    } catch {
      throw error.at(tensor: plan.whole[unit.tensor].name)
    }
    return tally
  }

  /// The same, and gathers the unit: its elements show what chunks without a digest of their own do not.
  mutating func gatherAgain(_ unit: WorkUnit) throws(MimoError) -> UnitTally {
    tally = UnitTally()
    let width = plan.whole[unit.tensor].dtype.byteWidth ?? 1
    let buffer = try window.reserve(unit.elements.count * width)
    do throws(MimoError) {
      try forEachPart(of: unit, replicas: true) { mover, part throws(MimoError) in
        guard !mover.plan.stored.chunks[part.chunk].isReplica else { return try mover.readAgain(part) }
        try mover.load(part, of: unit, into: buffer)
      }
    } catch {
      throw error.at(tensor: plan.whole[unit.tensor].name)
    }
    digest(buffer, of: unit.tensor, at: unit.elements.lowerBound * width)
    return tally
  }

  /// The bytes of a chunk's file between which a unit's part of the chunk lies.
  mutating func bytes(of unit: WorkUnit, inChunk index: Int) throws(MimoError) -> Range<UInt64>? {
    let chunk = plan.stored.chunks[index]
    var found: Range<UInt64>?
    try forEachPart(of: unit, replicas: true) { _, part throws(MimoError) in
      guard part.chunk == index else { return }
      let width = part.converter.right.byteWidth ?? 1
      let (_, run, starts) = part.block.rightRuns()
      for start in starts {
        let first = chunk.offset + UInt64(start * width)
        let end = first + UInt64(run * width)
        found = min(found?.lowerBound ?? first, first)..<max(found?.upperBound ?? end, end)
      }
    }
    return found
  }

  private mutating func readAgain(_ part: Part) throws(MimoError) {
    let (block, run, starts) = part.block.rightRuns()
    let width = part.converter.right.byteWidth ?? 1
    let buffer = try packed.reserve(block.volume * width)
    try read(buffer, runs: starts, of: run * width, width: width, from: part.chunk)
    tally.add(elements: block.volume, ofChunk: part.chunk)
    tally.bytesRead += buffer.count
  }
}
