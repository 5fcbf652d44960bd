import MimoChecksum
import MimoMapping
import MimoSystem
import MimoTensor

/// What takes one unit after the other to its place.
protocol UnitMover: ~Copyable {
  /// Moves one window; answers what it showed.
  mutating func run(_ unit: WorkUnit) throws(MimoError) -> UnitTally
}

/// One worker's way through its units: reads, converts, digests and writes.
package struct Mover: UnitMover, ~Copyable {
  let plan: ConversionPlan
  let wholeFiles: [File]
  let storedFiles: [File]
  var window = ByteBuffer()
  var packed = ByteBuffer()
  var converted = ByteBuffer()
  private var encoded = EncodedReader()
  private var parts: [StridedBlock] = []
  /// What the unit at hand has shown so far.
  var tally = UnitTally()

  package init(_ plan: ConversionPlan, wholeFiles: [File], storedFiles: [File]) {
    self.plan = plan
    self.wholeFiles = wholeFiles
    self.storedFiles = storedFiles
  }

  /// A part of a unit that goes to or comes from one chunk.
  struct Part {
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
    let buffer = try window.reserve(unit.elements.count * width)
    let start = tensor.offset + UInt64(unit.elements.lowerBound * width)
    do throws(MimoError) {
      switch plan.direction {
      case .wholeToStored:
        try fill(buffer, with: unit, of: tensor, at: start)
        passWindow(buffer, of: unit)
        try forEachPart(of: unit, replicas: true) { mover, part throws(MimoError) in
          try mover.store(part, of: unit, from: buffer)
        }
      case .storedToWhole:
        try collect(unit, into: buffer)
        passWindow(buffer, of: unit)
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

  /// The moment between reading and storing a window; the path is that of a file of the checkpoint with chunks.
  private func passWindow(_ buffer: UnsafeMutableRawBufferPointer, of unit: WorkUnit) {
    guard let file = storedFiles.first else { return }
    BitFlip.pass(.window, file.path, at: UInt64(unit.elements.lowerBound), buffer)
  }

  /// Reads the window's elements, decoded where they are stored as codes and scales.
  mutating func fill(
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
      tally.scalesRead = seen.scalesRead
    }
  }

  /// Fills `buffer` with a window of a whole tensor, out of the stored chunks that hold it.
  @discardableResult
  package mutating func gather(
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
    passWindow(buffer, of: unit)
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

  mutating func digest(_ bytes: UnsafeMutableRawBufferPointer, of tensor: Int, at position: Int) {
    let behind = plan.whole[tensor].byteCount - position - bytes.count
    let raw = mimo_crc64_raw(0, bytes.baseAddress, bytes.count)
    tally.wholeDigest ^= mimo_crc64_shift(raw, UInt64(behind))
  }

  /// Calls `body` for each block of the unit that lies in one chunk.
  mutating func forEachPart(
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

  /// The converter, once it has seen the whole tensor if it must. The plan proved that such a tensor is one window.
  func measured(
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

  /// Only chunks whose elements lie in row-major order have a digest of their own.
  mutating func digest(_ run: UnsafeRawBufferPointer, ofChunk index: Int, behind: Int) {
    guard behind >= 0 else { return }
    tally.add(digest: mimo_crc32_shift(mimo_crc32_raw(0, run.baseAddress, run.count), UInt64(behind)), ofChunk: index)
  }

  /// Whether the block, in the order of the right side, is one run on the left.
  static func isContiguousOnLeft(_ block: StridedBlock) -> Bool {
    var run = 1
    for dim in (0..<block.extent.count).reversed() {
      guard block.left.strides[dim] == run else { return false }
      run *= block.extent[dim]
    }
    return true
  }
}
