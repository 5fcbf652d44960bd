import MimoChecksum
import MimoMapping
import MimoSystem
import MimoTensor
import Synchronization

/// Called with the bytes of whole tensors that were moved, and the tensor's name.
package typealias ProgressHandler = @Sendable (_ bytes: Int, _ tensor: String) -> Void

/// What moving all units showed.
package struct MoveResult: Sendable {
  /// CRC-64/NVME of each whole tensor's stored bytes: of its codes when it is encoded.
  package var wholeDigests: [UInt64]
  /// The same of the scales of encoded tensors.
  package var scaleDigests: [Int: UInt64]
  /// CRC-32 of each stored chunk that was written or read, row-major; of no meaning where elements are missing, or lie in
  /// another order.
  package var chunkDigests: [UInt32]
  /// Whether all elements of a chunk were moved (rows that pad a vocabulary are not read).
  package var chunkIsWhole: [Bool]
  /// The same two of the chunks that were read on the way from stored to stored.
  package var gathered: (digests: [UInt32], areWhole: [Bool]) = ([], [])
  /// Elements of each whole tensor that the way back does not restore.
  package var lost: [Int: Int]
  package var bytesRead: Int
  package var bytesWritten: Int
}

/// Moves every element of a plan, with some workers, in bounded memory.
package struct Execution: Sendable {
  let plan: ConversionPlan
  let resources: Resources
  let progress: ProgressHandler
  /// Most bytes of a whole tensor that a worker takes at a time.
  var windowBytes: Int

  package init(_ plan: ConversionPlan, resources: Resources, progress: @escaping ProgressHandler) {
    self.plan = plan
    self.resources = resources
    self.progress = progress
    windowBytes = resources.windowBytes
  }

  /// Runs all units; files are parallel to those of the plan's two sides.
  ///
  /// - Parameter journal: takes each finished unit; those that it knows already are not done again.
  package func run(wholeFiles: [File], storedFiles: [File], journal: RunJournal? = nil) throws(MimoError) -> MoveResult {
    let window = journal?.windowBytes ?? windowBytes
    var units = WorkUnit.all(of: plan, windowBytes: window)
    var start = Tally(whole: plan.whole.count, chunks: plan.chunkCount)
    if let journal {
      let done = journal.done
      units.removeAll { done.contains($0) }
      start = journal.tally
    }
    let work = Work(units: units, tally: start)
    let outputs = plan.direction == .storedToWhole ? wholeFiles : storedFiles
    // Windows of a journal may be larger than this run's own.
    let jobs = max(1, min(resources.jobs, units.count, resources.workers(ofWindow: window)))
    do throws(MimoError) {
      try Workers.run(count: jobs) { worker throws(MimoError) in
        if plan.direction == .storedToStored {
          var relay = try Relay(plan, from: wholeFiles, to: storedFiles)
          try drain(work, worker, with: &relay, outputs, journal)
        } else {
          var mover = Mover(plan, wholeFiles: wholeFiles, storedFiles: storedFiles)
          try drain(work, worker, with: &mover, outputs, journal)
        }
      }
    } catch {
      // A full disk is no reason to forget what fitted. Signals must end the run soon, and bad input ends it for good.
      if error.code == .system { try? journal?.flush() }
      throw error
    }
    try journal?.flush()
    return try result(work.total.withLock { $0 })
  }

  /// One worker's share: unit after unit, until none is left.
  private func drain<Unit: UnitMover & ~Copyable>(
    _ work: Work, _ worker: Worker, with mover: inout Unit, _ outputs: [File], _ journal: RunJournal?
  ) throws(MimoError) {
    while !worker.isCancelled, let unit = work.next() {
      try Interruption.check()
      let tally = try mover.run(unit)
      work.total.withLock { $0.add(tally, ofTensor: unit.tensor) }
      let bytes = plan.whole[unit.tensor].storedBytes(of: unit.elements).count
      try journal?.record(UnitRecord(unit, tally), bytes: bytes, touching: touched(by: unit, tally, outputs))
      progress(bytes, plan.whole[unit.tensor].name)
    }
  }

  /// The files that a unit was written to.
  private func touched(by unit: WorkUnit, _ tally: UnitTally, _ outputs: [File]) -> [File] {
    switch plan.direction {
    case .storedToWhole: return [outputs[plan.whole[unit.tensor].file]]
    case .wholeToStored, .storedToStored:
      var last = -1
      return tally.chunks.compactMap { part in
        guard part.chunk < plan.stored.chunks.count else { return nil }
        let file = plan.stored.chunks[part.chunk].file
        defer { last = file }
        return file == last ? nil : outputs[file]
      }
    }
  }

  /// What the workers share.
  private final class Work: Sendable {
    let total: Mutex<Tally>
    private let units: [WorkUnit]
    private let position = Atomic<Int>(0)

    init(units: [WorkUnit], tally: Tally) {
      self.units = units
      total = Mutex(tally)
    }

    func next() -> WorkUnit? {
      let index = position.wrappingAdd(1, ordering: .relaxed).oldValue
      return index < units.count ? units[index] : nil
    }
  }

  /// The proof after the fact: as many elements reached each chunk as it has.
  private func result(_ tally: Tally) throws(MimoError) -> MoveResult {
    let stored = try chunks(of: plan, tally, from: 0)
    var digests = tally.wholeDigests
    for (index, tensor) in plan.whole.enumerated() {
      digests[index] = mimo_crc64_finish(digests[index], UInt64(tensor.storedByteCount))
    }
    var scaleDigests = tally.scaleDigests
    for (index, digest) in scaleDigests {
      guard case .encoded(_, _, let scales) = plan.whole[index].storage else { continue }
      scaleDigests[index] = mimo_crc64_finish(digest, UInt64(scales.byteCount))
    }
    var result = MoveResult(
      wholeDigests: digests, scaleDigests: scaleDigests, chunkDigests: stored.digests, chunkIsWhole: stored.areWhole,
      lost: tally.lost, bytesRead: tally.bytesRead, bytesWritten: tally.bytesWritten)
    if let reading = plan.gathering.first {
      result.gathered = try chunks(of: reading, tally, from: plan.stored.chunks.count)
    }
    return result
  }

  /// Digests of one side's chunks, and whether each was moved whole; `first` is where the tally has that side's chunks.
  private func chunks(
    of plan: ConversionPlan, _ tally: Tally, from first: Int
  ) throws(MimoError) -> (digests: [UInt32], areWhole: [Bool]) {
    var padding = [Int](repeating: 0, count: plan.stored.chunks.count)
    for (index, target) in plan.stored.targets.enumerated() {
      let zeros = plan.description.targets[index].fragments.filter { $0.source == nil }
      for chunk in target.chunks {
        for zero in zeros { padding[chunk] += zero.region.intersection(plan.stored.chunks[chunk].region)?.volume ?? 0 }
      }
    }
    for (index, chunk) in plan.stored.chunks.enumerated() {
      let moved = tally.chunkElements[first + index]
      guard moved + padding[index] != chunk.region.volume else { continue }
      throw MimoError(
        .internalError, "\(moved) of \(chunk.region.volume) elements were moved",
        path: plan.stored.files[chunk.file].path, byte: chunk.offset)
    }
    var digests = Array(tally.chunkDigests[first..<(first + plan.stored.chunks.count)])
    for target in plan.stored.targets {
      for chunk in target.chunks {
        let bytes = plan.stored.chunks[chunk].region.volume * (target.dtype.byteWidth ?? 1)
        digests[chunk] = mimo_crc32_finish(digests[chunk], UInt64(bytes))
      }
    }
    return (digests, padding.map { $0 == 0 })
  }
}
