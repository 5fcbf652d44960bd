import MimoSystem

/// One side of the units of a run.
package enum UnitSide: Sendable {
  case source, output

  /// The files of this side of a plan.
  func files(of plan: ConversionPlan) -> [StoredFile] {
    switch (self, plan.direction) {
    case (.source, .wholeToStored), (.output, .storedToWhole): plan.wholeFiles
    case (.source, .storedToWhole), (.output, .wholeToStored), (.output, .storedToStored): plan.stored.files
    case (.source, .storedToStored): plan.gathering.first?.stored.files ?? []
    }
  }
}

/// One worker's way through units that are done: reads one side of a unit again and returns what it shows.
struct UnitReader: ~Copyable {
  private let plan: ConversionPlan
  private let side: UnitSide
  private let files: [File]
  private var mover: Mover

  /// - Parameter files: parallel to those of the side.
  init(_ plan: ConversionPlan, _ side: UnitSide, files: [File]) {
    self.plan = plan
    self.side = side
    self.files = files
    let reading = side == .source ? plan.gathering.first ?? plan : plan
    mover = Mover(reading, wholeFiles: files, storedFiles: files)
  }

  /// What the side shows now, with nothing in it that the side can not show.
  mutating func read(_ unit: WorkUnit) throws(MimoError) -> UnitTally {
    switch (side, plan.direction) {
    case (.source, .wholeToStored), (.output, .storedToWhole): return try mover.readWholeAgain(unit)
    case (.output, .wholeToStored), (.output, .storedToStored): return try mover.readChunksAgain(unit)
    case (.source, .storedToWhole), (.source, .storedToStored):
      var tally = try mover.gatherAgain(unit)
      for index in tally.chunks.indices { tally.chunks[index].chunk += firstChunk }
      return tally
    }
  }

  /// What the side showed when the unit was done.
  func part(of tally: UnitTally) -> UnitTally {
    var part = UnitTally()
    switch (side, plan.direction) {
    case (.source, .wholeToStored):
      part.wholeDigest = tally.wholeDigest
      part.scaleDigest = tally.scaleDigest
      part.scalesRead = tally.scalesRead
    case (.output, .storedToWhole): part.wholeDigest = tally.wholeDigest
    case (.output, .wholeToStored): part.chunks = tally.chunks
    case (.output, .storedToStored): part.chunks = tally.chunks.filter { $0.chunk < plan.stored.chunks.count }
    case (.source, .storedToWhole), (.source, .storedToStored):
      part.wholeDigest = tally.wholeDigest
      part.chunks = tally.chunks.filter { $0.chunk >= firstChunk }
    }
    return part
  }

  /// The place of what differs between a unit's two tallies; nil when nothing does.
  mutating func difference(
    _ unit: WorkUnit, _ recorded: UnitTally, _ shown: UnitTally
  ) throws(MimoError) -> UnitPlace? {
    let tensor = plan.whole[unit.tensor]
    let (before, now) = (recorded.sharesByChunk, shown.sharesByChunk)
    let other = now.keys.filter { before[$0] != now[$0] } + before.keys.filter { now[$0] == nil }
    if let chunk = other.min() ?? (recorded.wholeDigest != shown.wholeDigest ? now.keys.min() : nil) {
      let bytes = try mover.bytes(of: unit, inChunk: chunk - firstChunk)
      let file = mover.plan.stored.chunks[chunk - firstChunk].file
      return UnitPlace(path: files[file].path, tensor: tensor.name, bytes: bytes ?? 0..<0)
    }
    if recorded.wholeDigest != shown.wholeDigest {
      let bytes = tensor.storedBytes(of: unit.elements)
      return place(in: tensor.stored.first ?? tensor, bytes)
    }
    guard recorded.scaleDigest != shown.scaleDigest || recorded.scalesRead != shown.scalesRead,
      let scales = tensor.stored.last
    else { return nil }
    return place(in: scales, 0..<scales.byteCount)
  }

  private func place(in tensor: WholeTensor, _ bytes: Range<Int>) -> UnitPlace {
    let start = tensor.offset + UInt64(bytes.lowerBound)
    return UnitPlace(
      path: files[tensor.file].path, tensor: tensor.name, bytes: start..<(start + UInt64(bytes.count)))
  }

  /// Where the side's chunks begin in the numbering of a run's tallies.
  private var firstChunk: Int { side == .source && plan.direction == .storedToStored ? plan.stored.chunks.count : 0 }
}

/// A stretch of a file that one unit reads or writes.
package struct UnitPlace: Sendable {
  var path: String
  var tensor: String?
  var bytes: Range<UInt64>

  /// The error that says what is wrong with it.
  package func refusal(_ message: String, remedy: String) -> MimoError {
    MimoError(
      .invalidInput, "\(message) (bytes \(bytes.lowerBound) to \(max(bytes.upperBound, 1) - 1))", path: path, tensor: tensor,
      byte: bytes.lowerBound, remedy: remedy)
  }
}

extension UnitTally {
  /// Each chunk once, whatever the order of its parts.
  fileprivate var sharesByChunk: [Int: Chunk] {
    var shares: [Int: Chunk] = [:]
    for part in chunks {
      var share = shares[part.chunk] ?? Chunk(chunk: part.chunk)
      share.digest ^= part.digest
      share.elements += part.elements
      shares[part.chunk] = share
    }
    return shares
  }
}
