import MimoChecksum
import MimoMapping
import MimoPlan
import MimoSystem
import MimoTensor

/// What takes one unit after the other to its place.
protocol UnitMover: ~Copyable {
  /// Moves one window; answers what it showed.
  mutating func run(_ unit: WorkUnit) throws(MimoError) -> UnitTally
}

/// One worker's way through its units: reads, converts, digests and writes.
struct Mover: UnitMover, ~Copyable {
  private let plan: ConversionPlan
  private let wholeFiles: [File]
  private let storedFiles: [File]
  private var window = ByteBuffer()
  private var packed = ByteBuffer()
  private var converted = ByteBuffer()
  private var encoded = EncodedReader()
  private var parts: [StridedBlock] = []
  /// What the unit at hand has shown so far.
  private var tally = UnitTally()

  init(_ plan: ConversionPlan, wholeFiles: [File], storedFiles: [File]) {
    self.plan = plan
    self.wholeFiles = wholeFiles
    self.storedFiles = storedFiles
  }

  /// A part of a unit that goes to or comes from one chunk.
  private struct Part {
    var block: StridedBlock
    var chunk: Int
    var converter: ElementConverter
  }

  /// Moves one window; answers what it showed.
  mutating func run(_ unit: WorkUnit) throws(MimoError) -> UnitTally {
    tally = UnitTally()
    let tensor = plan.whole[unit.tensor]
    guard let width = tensor.dtype.byteWidth else {
      throw MimoError(.internalError, "a window of \(tensor.dtype.rawValue)", tensor: tensor.name)
    }
    let buffer = window.reserve(unit.elements.count * width)
    let start = tensor.offset + UInt64(unit.elements.lowerBound * width)
    do throws(MimoError) {
      switch plan.direction {
      case .wholeToStored:
        try fill(buffer, with: unit, of: tensor, at: start)
        try forEachPart(of: unit, replicas: true) { mover, part throws(MimoError) in
          try mover.store(part, of: unit, from: buffer)
        }
      case .storedToWhole:
        try collect(unit, into: buffer)
        digest(buffer, of: unit.tensor, at: unit.elements.lowerBound * width)
        try wholeFiles[tensor.file].write(UnsafeRawBufferPointer(buffer), at: start)
        tally.bytesWritten += buffer.count
      case .storedToStored: throw MimoError(.internalError, "a window between two checkpoints has no whole file")
      }
    } catch {
      throw error.at(tensor: tensor.name)
    }
    return tally
  }

  /// Reads the window's elements, decoded where they are stored as codes and scales.
  private mutating func fill(
    _ buffer: UnsafeMutableRawBufferPointer, with unit: WorkUnit, of tensor: WholeTensor, at start: UInt64
  ) throws(MimoError) {
    switch tensor.storage {
    case .plain:
      try wholeFiles[tensor.file].read(into: buffer, at: start)
      tally.bytesRead += buffer.count
      digest(buffer, of: unit.tensor, at: Int(start - tensor.offset))
    case .encoded(let form, let codes, let scales):
      let seen = try encoded.read(
        unit.elements, of: tensor, form, codes: codes, scales: scales, files: wholeFiles, into: buffer)
      tally.bytesRead += seen.bytes
      tally.wholeDigest ^= seen.codesDigest
      tally.scaleDigest = seen.scalesDigest
    }
  }

  /// Fills `buffer` with a window of a whole tensor, out of the stored chunks that hold it.
  @discardableResult
  mutating func gather(
    _ unit: WorkUnit, into buffer: UnsafeMutableRawBufferPointer
  ) throws(MimoError) -> UnitTally {
    tally = UnitTally()
    do throws(MimoError) {
      try collect(unit, into: buffer)
    } catch {
      throw error.at(tensor: plan.whole[unit.tensor].name)
    }
    return tally
  }

  /// Writes a window of a whole tensor, which lies in `buffer`, to all stored chunks that have a part in it.
  mutating func scatter(
    _ unit: WorkUnit, from buffer: UnsafeMutableRawBufferPointer
  ) throws(MimoError) -> UnitTally {
    tally = UnitTally()
    let tensor = plan.whole[unit.tensor]
    digest(buffer, of: unit.tensor, at: unit.elements.lowerBound * (tensor.dtype.byteWidth ?? 1))
    do throws(MimoError) {
      try forEachPart(of: unit, replicas: true) { mover, part throws(MimoError) in
        try mover.store(part, of: unit, from: buffer)
      }
    } catch {
      throw error.at(tensor: tensor.name)
    }
    return tally
  }

  private mutating func collect(
    _ unit: WorkUnit, into buffer: UnsafeMutableRawBufferPointer
  ) throws(MimoError) {
    var loaded = 0
    try forEachPart(of: unit, replicas: false) { mover, part throws(MimoError) in
      try mover.load(part, of: unit, into: buffer)
      loaded += part.block.volume
    }
    guard loaded == unit.elements.count else {
      throw MimoError(.internalError, "\(loaded) of \(unit.elements.count) elements came in")
    }
    try countShifted(unit, in: buffer)
    try compareReplicas(of: unit, with: buffer)
  }

  private mutating func digest(_ bytes: UnsafeMutableRawBufferPointer, of tensor: Int, at position: Int) {
    let behind = plan.whole[tensor].byteCount - position - bytes.count
    let raw = mimo_crc64_raw(0, bytes.baseAddress, bytes.count)
    tally.wholeDigest ^= mimo_crc64_shift(raw, UInt64(behind))
  }

  /// Calls `body` for each block of the unit that lies in one chunk.
  private mutating func forEachPart(
    of unit: WorkUnit, replicas: Bool, _ body: (inout Mover, Part) throws(MimoError) -> Void
  ) throws(MimoError) {
    let tensor = plan.whole[unit.tensor]
    for use in plan.uses[unit.tensor] {
      let fragment = plan.description.targets[use.target].fragments[use.fragment]
      let span = StridedBlock.span(fragment.region.extent, fragment.strides)
      guard fragment.base < unit.elements.upperBound, fragment.base + span > unit.elements.lowerBound else { continue }
      let target = plan.stored.targets[use.target]
      guard
        let converter = ElementConverter(left: tensor.dtype, right: target.dtype, kernel: fragment.kernel)
      else { throw MimoError(.internalError, "no conversion was planned") }
      for chunk in target.chunks where replicas || !plan.stored.chunks[chunk].isReplica {
        guard let block = Mover.block(fragment, plan.stored.chunks[chunk]) else { continue }
        parts.removeAll(keepingCapacity: true)
        block.normalized().cut(to: unit.elements, into: &parts)
        let own = parts
        for part in own { try body(&self, Part(block: part, chunk: chunk, converter: converter)) }
      }
    }
  }

  /// What a fragment and a chunk have in common, as a move.
  private static func block(_ fragment: Fragment, _ chunk: StoredChunk) -> StridedBlock? {
    guard let common = fragment.clipped(to: chunk.region) else { return nil }
    var position = 0
    for dim in 0..<chunk.region.rank {
      position += (common.region.offset[dim] - chunk.region.offset[dim]) * chunk.strides[dim]
    }
    return StridedBlock(
      extent: common.region.extent, left: .init(base: common.base, strides: common.strides),
      right: .init(base: position, strides: chunk.strides))
  }

  // MARK: Whole -> stored

  private mutating func store(
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
      let staging = packed.reserve(count * width)
      guard let target = staging.baseAddress else { return }
      StridedCopy.pack(block, width: width, window: base, windowStart: unit.elements.lowerBound, into: target)
      bytes = UnsafeRawPointer(target)
    }
    let stored = part.converter.right.byteWidth ?? 1
    if !part.converter.isIdentity {
      let staging = converted.reserve(count * stored)
      guard let target = staging.baseAddress else { return }
      let converter = try measured(part.converter, unit, base)
      let lost = converter.convert(count, from: bytes, to: target)
      if lost > 0, !plan.stored.chunks[part.chunk].isReplica { tally.lost += lost }
      bytes = UnsafeRawPointer(target)
    }
    try write(bytes, runs: starts, of: run * stored, width: stored, to: part.chunk)
    tally.add(elements: count, ofChunk: part.chunk)
    tally.bytesWritten += count * stored
  }

  /// The converter, once it has seen the whole tensor if it must. The plan proved that such a tensor is one window.
  private func measured(
    _ converter: ElementConverter, _ unit: WorkUnit, _ window: UnsafeMutableRawPointer
  ) throws(MimoError) -> ElementConverter {
    guard converter.needsMinimum else { return converter }
    guard unit.elements == 0..<plan.whole[unit.tensor].elementCount else {
      throw MimoError(.internalError, "a window is only a part of a tensor whose minimum is needed")
    }
    var converter = converter
    converter.measure(unit.elements.count, at: window)
    return converter
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
      digest(run, ofChunk: index, behind: size - start * width - length)
      bytes += length
    }
  }

  // MARK: Stored -> whole

  private mutating func load(
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
    var staging = packed.reserve(count * stored)
    try read(staging, runs: starts, of: run * stored, width: stored, from: part.chunk)
    if !part.converter.isIdentity {
      guard let source = staging.baseAddress else { return }
      let restored = isDirect ? UnsafeMutableRawBufferPointer(start: place, count: count * width) : converted.reserve(count * width)
      guard let target = restored.baseAddress else { return }
      let lost = part.converter.invert(count, from: source, to: target)
      // A copy of what is counted already, or a kernel that is looked at once all elements are here.
      if !plan.stored.chunks[part.chunk].isReplica, !part.converter.needsMinimum { tally.lost += lost }
      staging = restored
    }
    guard !isDirect, let source = staging.baseAddress else { return }
    StridedCopy.unpack(block, width: width, packed: source, window: base, windowStart: unit.elements.lowerBound)
  }

  /// Counts stored elements that the way back would not give because it takes the minimum off, which is not theirs.
  private mutating func countShifted(
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
    let (left, right) = (packed.reserve(count * max(width, stored)), converted.reserve(count * stored))
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

  private mutating func read(
    _ buffer: UnsafeMutableRawBufferPointer, runs: StridedBlock.RunStarts, of length: Int, width: Int, from index: Int
  ) throws(MimoError) {
    let chunk = plan.stored.chunks[index]
    let size = chunk.region.volume * width
    let file = storedFiles[chunk.file]
    var position = 0
    for start in runs {
      let run = UnsafeMutableRawBufferPointer(rebasing: buffer[position..<(position + length)])
      try file.read(into: run, at: chunk.offset + UInt64(start * width))
      digest(UnsafeRawBufferPointer(run), ofChunk: index, behind: size - start * width - length)
      position += length
    }
  }

  /// Only chunks that are contiguous have a digest of their own.
  private mutating func digest(_ run: UnsafeRawBufferPointer, ofChunk index: Int, behind: Int) {
    guard behind >= 0 else { return }
    tally.add(digest: mimo_crc32_shift(mimo_crc32_raw(0, run.baseAddress, run.count), UInt64(behind)), ofChunk: index)
  }

  /// Whether the block, in the order of the right side, is one run on the left.
  private static func isContiguousOnLeft(_ block: StridedBlock) -> Bool {
    var run = 1
    for dim in (0..<block.extent.count).reversed() {
      guard block.left.strides[dim] == run else { return false }
      run *= block.extent[dim]
    }
    return true
  }
}

// MARK: - Copies

extension Mover {
  /// Copies must hold what their original holds.
  private mutating func compareReplicas(
    of unit: WorkUnit, with buffer: UnsafeMutableRawBufferPointer
  ) throws(MimoError) {
    guard let base = buffer.baseAddress else { return }
    let hasReplicas = plan.uses[unit.tensor].contains { use in
      plan.stored.chunks[plan.stored.targets[use.target].chunks].contains(where: \.isReplica)
    }
    guard hasReplicas else { return }
    var other = ByteBuffer()
    let second = other.reserve(buffer.count)
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
