import MimoChecksum
import MimoContainers
import MimoPlan
import MimoSystem
import MimoTensor
import Synchronization

/// Proves that a new folder, not yet published, holds what its sources gave: it is opened as any reader would open it, all of
/// it is read, and the digest of each tensor is held against the one that was made while it was moved.
struct Reread {
  let folder: String
  let resources: Resources

  /// A Megatron checkpoint. Parameters whose dtype changed hold other values by intent, and are counted as that.
  func check(_ plan: ReshardPlan, _ result: MoveResult, _ request: ConversionRequest) throws(MimoError)
    -> [ConversionReport.ReadAgain]
  {
    var again = try StoredCheckpoint(
      folder, format: try CheckpointFormat.recognise(folder), of: plan.stored.origin.named(plan.config),
      expertStorage: request.expertStorage, isWrittenPlain: true, plugin: plan.library)
    again.keep(try TargetMatch(again.description, to: plan.layout.description).origins)
    try again.locate(jobs: resources.jobs)
    if let dist = again.dist { try proveItems(dist) }
    let reading = try ConversionPlan(reading: again.description, again.catalog, as: plan.conversion.whole)
    let isKept = zip(plan.conversion.whole, again.catalog.targets).map { $0.dtype == $1.dtype }
    let found = try digests(reading, of: isKept.indices.filter { isKept[$0] })
    var sums = sums(plan.donors, plan.stored.path, request)
    for (index, tensor) in plan.conversion.whole.enumerated() {
      guard let digest = found[index] else {
        sums.count(index, isEqual: false)
        continue
      }
      try Reread.expect(digest, result.wholeDigests[index], tensor.name, in: folder)
      sums.count(index, isEqual: true)
    }
    return sums.all
  }

  /// A Hugging Face folder.
  func check(_ plan: ExportPlan, _ result: MoveResult, _ request: ConversionRequest) throws(MimoError)
    -> [ConversionReport.ReadAgain]
  {
    let written = try HuggingFaceFolder.open(folder)
    let files = try OutputFolder.open(written.files.map { StoredFile(path: $0.path, size: $0.size) })
    let found = Found()
    let whole = plan.conversion.whole
    let queue = WorkQueue(count: whole.count)
    try Workers.run(count: min(resources.jobs, max(1, whole.count))) { worker throws(MimoError) in
      var buffer = ByteBuffer()
      while !worker.isCancelled, let index = queue.next() {
        guard let tensor = written.tensor(whole[index].name) else {
          throw MimoError(.internalError, "was not written", path: folder, tensor: whole[index].name)
        }
        let digest = try digest(of: tensor.range, in: files[tensor.file], &buffer)
        found.digests.withLock { $0[index] = digest }
      }
    }
    var sums = sums(plan.donors, plan.stored.path, request)
    let digests = found.digests.withLock { $0 }
    for (index, tensor) in whole.enumerated() {
      try Reread.expect(digests[index] ?? 0, result.wholeDigests[index], tensor.name, in: folder)
      let target = plan.conversion.uses[index].first?.target
      sums.count(target ?? -1, isEqual: target.map { plan.stored.catalog.targets[$0].dtype == tensor.dtype } ?? true)
    }
    return sums.all
  }

  // MARK: -

  private static func expect(
    _ found: UInt64, _ expected: UInt64, _ tensor: String, in folder: String
  ) throws(MimoError) {
    guard found != expected else { return }
    throw MimoError(
      .system, "was read again with CRC-64 \(hex(found)), but its source gave \(hex(expected))", path: folder,
      tensor: tensor, remedy: "Disk or memory lose bytes: check them, then run again")
  }

  /// Opens every item in the way of a reader that knows nothing of how it was written.
  private func proveItems(_ checkpoint: DistCheckpoint) throws(MimoError) {
    var items = checkpoint.tensors.flatMap(\.chunks).map { (file: $0.file, offset: $0.offset, length: $0.length) }
    items += checkpoint.objects.map { ($0.file, $0.offset, $0.length) }
    let sources = try checkpoint.files.indices.map { file throws(MimoError) in try checkpoint.source(file) }
    let queue = WorkQueue(count: items.count)
    try Workers.run(count: min(resources.jobs, max(1, items.count))) { [items] worker throws(MimoError) in
      while !worker.isCancelled, let number = queue.next() {
        try Interruption.check()
        let item = items[number]
        _ = try TorchZipArchive(sources[item.file], offset: item.offset, length: item.length)
      }
    }
  }

  private final class Found: Sendable {
    let digests = Mutex<[Int: UInt64]>([:])
  }

  /// CRC-64 of each of these whole tensors, gathered from their chunks.
  private func digests(_ plan: ConversionPlan, of tensors: [Int]) throws(MimoError) -> [Int: UInt64] {
    let files = try OutputFolder.open(plan.stored.files)
    let wanted = Set(tensors)
    let units = WorkUnit.all(of: plan, windowBytes: resources.windowBytes).filter { wanted.contains($0.tensor) }
    let queue = WorkQueue(count: units.count)
    let found = Found()
    try Workers.run(count: min(resources.jobs, max(1, units.count))) { worker throws(MimoError) in
      var mover = Mover(plan, wholeFiles: [], storedFiles: files)
      var window = ByteBuffer()
      while !worker.isCancelled, let number = queue.next() {
        try Interruption.check()
        let unit = units[number]
        let tensor = plan.whole[unit.tensor]
        let width = tensor.dtype.byteWidth ?? 1
        let bytes = try window.reserve(unit.elements.count * width)
        try mover.gather(unit, into: bytes)
        let raw = mimo_crc64_raw(0, bytes.baseAddress, bytes.count)
        let share = mimo_crc64_shift(raw, UInt64(tensor.byteCount - unit.elements.upperBound * width))
        found.digests.withLock { $0[unit.tensor, default: 0] ^= share }
      }
    }
    var digests = found.digests.withLock { $0 }
    for index in tensors {
      digests[index] = mimo_crc64_finish(digests[index, default: 0], UInt64(plan.whole[index].byteCount))
    }
    return digests
  }

  private func digest(of range: Range<UInt64>, in file: File, _ buffer: inout ByteBuffer) throws(MimoError) -> UInt64 {
    var digest: UInt64 = 0
    var position = range.lowerBound
    while position < range.upperBound {
      try Interruption.check()
      let bytes = try buffer.reserve(Int(min(UInt64(resources.windowBytes), range.upperBound - position)))
      try file.read(into: bytes, at: position)
      digest = mimo_crc64(digest, bytes.baseAddress, bytes.count)
      position += UInt64(bytes.count)
    }
    return digest
  }

  private func sums(_ donors: [Donor], _ base: String, _ request: ConversionRequest) -> Sums {
    var sums = Sums(all: [.init(path: base, component: nil)])
    for (donor, splice) in zip(donors, request.splices) {
      for place in donor.places { sums.owner[place] = sums.all.count }
      sums.all.append(.init(path: splice.path, component: splice.component))
    }
    return sums
  }

  /// Tensors by the checkpoint that they are from.
  private struct Sums {
    var all: [ConversionReport.ReadAgain]
    /// Target -> its place in `all`; 0, the base, for others.
    var owner: [Int: Int] = [:]

    mutating func count(_ target: Int, isEqual: Bool) {
      let place = owner[target] ?? 0
      if isEqual { all[place].equal += 1 } else { all[place].changed += 1 }
    }
  }
}
