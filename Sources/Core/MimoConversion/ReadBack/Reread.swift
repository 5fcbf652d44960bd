import MimoChecksum
import MimoContainers
import MimoSystem
import MimoTensor
import MimoTransfer
import Synchronization

/// Proves that a new folder, not yet published, holds what its sources gave: it is opened as any reader would open it, all of
/// it is read, and the digest of each tensor is held against the one that was made while it was moved.
struct Reread {
  let folder: String
  let resources: Resources

  // MARK: -

  static func expect(
    _ found: UInt64, _ expected: UInt64, _ tensor: String, in folder: String
  ) throws(MimoError) {
    guard found != expected else { return }
    throw MimoError(
      .system, "was read again with CRC-64 \(hex(found)), but its source gave \(hex(expected))", path: folder,
      tensor: tensor, remedy: "Disk or memory lose bytes: check them, then run again")
  }

  /// Opens every item in the way of a reader that knows nothing of how it was written.
  func proveItems(_ checkpoint: DistCheckpoint) throws(MimoError) {
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

  final class Found: Sendable {
    let digests = Mutex<[Int: UInt64]>([:])
  }

  /// CRC-64 of each of these whole tensors, gathered from their chunks.
  func digests(_ plan: ConversionPlan, of tensors: [Int]) throws(MimoError) -> [Int: UInt64] {
    let files = try ChunkFiles.open(plan.stored.files)
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

  func digest(of range: Range<UInt64>, in file: File, _ buffer: inout ByteBuffer) throws(MimoError) -> UInt64 {
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

  func sums(_ donors: [Donor], _ base: String, _ request: ConversionRequest) -> Sums {
    var sums = Sums(all: [.init(path: base, component: nil)])
    for (donor, splice) in zip(donors, request.splices) {
      for place in donor.places { sums.owner[place] = sums.all.count }
      sums.all.append(.init(path: splice.path, component: splice.component))
    }
    return sums
  }

  /// Tensors by the checkpoint that they are from.
  struct Sums {
    var all: [ConversionReport.ReadAgain]
    /// Target -> its place in `all`; 0, the base, for others.
    var owner: [Int: Int] = [:]

    mutating func count(_ target: Int, isEqual: Bool) {
      let place = owner[target] ?? 0
      if isEqual { all[place].equal += 1 } else { all[place].changed += 1 }
    }
  }
}
