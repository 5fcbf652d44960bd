import MimoMapping
import MimoSystem
import MimoTensor

/// What a window out of chunks shows once all of it is there.
extension Mover {
  /// Counts stored elements that the way back would not give because it takes the minimum off, which is not theirs.
  mutating func countShifted(
    _ unit: WorkUnit, in buffer: UnsafeMutableRawBufferPointer
  ) throws(MimoError) {
    let hasMinimum = plan.uses[unit.tensor].contains { use in
      plan.description.targets[use.target].fragments[use.fragment].kernel == .subtractMinimum
    }
    guard hasMinimum, let base = buffer.baseAddress else { return }
    try forEachPart(of: unit, replicas: false) { mover, part throws(MimoError) in
      guard part.converter.needsMinimum else { return }
      try mover.countShifted(part, of: unit, in: base)
    }
  }

  /// The same of one part: its elements are stored once more, beside what lies in the file.
  private mutating func countShifted(
    _ part: Part, of unit: WorkUnit, in window: UnsafeMutableRawPointer
  ) throws(MimoError) {
    let converter = try measured(part.converter, unit, window)
    let (block, run, starts) = part.block.rightRuns()
    let (width, stored) = (converter.left.byteWidth ?? 1, converter.right.byteWidth ?? 1)
    let count = block.volume
    let (left, right) = (try packed.reserve(count * max(width, stored)), try converted.reserve(count * stored))
    guard let source = left.baseAddress, let target = right.baseAddress else { return }
    StridedCopy.pack(block, width: width, window: window, windowStart: unit.elements.lowerBound, into: source)
    _ = converter.convert(count, from: source, to: target)
    let chunk = plan.stored.chunks[part.chunk]
    var position = 0
    for start in starts {
      let held = UnsafeMutableRawBufferPointer(rebasing: left[position..<(position + run * stored)])
      try storedFiles[chunk.file].read(into: held, at: chunk.offset + UInt64(start * stored))
      position += run * stored
    }
    for element in 0..<count where !memoryIsEqual(source + element * stored, target + element * stored, stored) {
      tally.lost += 1
    }
  }

  /// Copies must hold what their original holds.
  mutating func compareReplicas(
    of unit: WorkUnit, with buffer: UnsafeMutableRawBufferPointer
  ) throws(MimoError) {
    guard let base = buffer.baseAddress else { return }
    let hasReplicas = plan.uses[unit.tensor].contains { use in
      plan.stored.chunks[plan.stored.targets[use.target].chunks].contains(where: \.isReplica)
    }
    guard hasReplicas else { return }
    var other = ByteBuffer()
    let second = try other.reserve(buffer.count)
    guard let secondBase = second.baseAddress else { return }
    try forEachPart(of: unit, replicas: true) { mover, part throws(MimoError) in
      guard mover.plan.stored.chunks[part.chunk].isReplica else { return }
      // The original's bytes first, so that what this copy does not reach compares equal.
      secondBase.copyMemory(from: base, byteCount: buffer.count)
      try mover.load(part, of: unit, into: second)
      guard memoryIsEqual(base, secondBase, buffer.count) else {
        let chunk = mover.plan.stored.chunks[part.chunk]
        throw MimoError(
          .invalidInput, "the copy at byte \(chunk.offset) differs from the original on another rank",
          path: mover.plan.stored.files[chunk.file].path,
          remedy: "The ranks are not from one state of the model; save them again")
      }
    }
  }
}
