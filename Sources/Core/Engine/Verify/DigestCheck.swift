import MimoChecksum
import MimoPlan
import MimoSystem
import Synchronization

/// Byte ranges of files and the digests that they must have.
struct DigestCheck: Sendable {
  struct Item: Sendable {
    /// Of the tensor; nil for bytes around tensors, which count for their file alone.
    var name: String?
    var file: Int
    var offset: UInt64
    var bytes: Int
    /// What they must have; of bytes around tensors only its kind counts.
    var kind: FileDigest
    /// Counts for the digest of its file.
    var isOfFile = true
  }

  let basis: String
  var format: String
  /// The folder that the files' names are relative to.
  let root: String
  var items: [Item] = []
  var files: [StoredFile] = []
  /// What whole files must have, by number; all of such a file is in items that do not overlap.
  var whole: [Int: ReportedFile] = [:]
  var differences: [VerifyReport.Tensor] = []
  var skipped: [VerifyReport.Skipped] = []
  var notes: [String] = []
  /// Why no tensor could be found; thrown when no file differs either.
  var obstacle: MimoError?

  var bytes: Int { items.reduce(0) { $0 + $1.bytes } }

  func run(_ request: VerifyRequest, progress: @escaping ProgressHandler) throws(MimoError) -> VerifyReport {
    try report(request, try digests(request.resources, request.budget, progress: progress))
  }

  /// The first tensor that is not what it must be.
  func firstDifference(_ resources: Resources) throws(MimoError) -> (item: Item, found: FileDigest)? {
    for (item, digest) in zip(items, try digests(resources, MemoryBudget()) { _, _ in }) {
      if let digest, digest != item.kind { return (item, digest) }
    }
    return nil
  }

  /// Reads all items; parallel to them.
  private func digests(
    _ resources: Resources, _ budget: MemoryBudget, progress: @escaping ProgressHandler
  ) throws(MimoError) -> [FileDigest?] {
    let opened = try OutputFolder.open(files)
    let order = items.indices.sorted { (items[$0].file, items[$0].offset) < (items[$1].file, items[$1].offset) }
    let queue = WorkQueue(count: order.count)
    let found = Found(count: items.count)
    let window = resources.windowBytes
    try budget.check(
      PlanMemory(), buffers: min(window, items.reduce(0) { max($0, $1.bytes) }) * resources.jobs, jobs: resources.jobs)
    try Workers.run(count: min(resources.jobs, max(1, order.count))) { worker throws(MimoError) in
      var buffer = ByteBuffer()
      while !worker.isCancelled, let next = queue.next() {
        let item = items[order[next]]
        let digest = try DigestCheck.digest(of: item, in: opened[item.file], &buffer, window: window) { bytes in
          progress(bytes, item.name ?? "")
        }
        found.digests.withLock { $0[order[next]] = digest }
      }
    }
    return found.digests.withLock { $0 }
  }

  private static func digest(
    of item: Item, in file: File, _ buffer: inout ByteBuffer, window: Int, progress: (Int) -> Void
  ) throws(MimoError) -> FileDigest {
    var (crc64, crc32): (UInt64, UInt32) = (0, 0)
    var position = 0
    while position < item.bytes {
      try Interruption.check()
      let bytes = try buffer.reserve(min(window, item.bytes - position))
      try file.read(into: bytes, at: item.offset + UInt64(position))
      switch item.kind {
      case .crc64: crc64 = mimo_crc64(crc64, bytes.baseAddress, bytes.count)
      case .crc32: crc32 = mimo_crc32(crc32, bytes.baseAddress, bytes.count)
      }
      position += bytes.count
      progress(bytes.count)
    }
    if case .crc32 = item.kind { return .crc32(crc32) }
    return .crc64(crc64)
  }

  private final class Found: Sendable {
    let digests: Mutex<[FileDigest?]>
    init(count: Int) { digests = Mutex(Array(repeating: nil, count: count)) }
  }

  private func report(_ request: VerifyRequest, _ found: [FileDigest?]) throws(MimoError) -> VerifyReport {
    var report = VerifyReport(a: .init(path: request.first, format: format), b: nil, basis: basis)
    report.differences = differences
    var damaged: Set<Int> = []
    for (item, digest) in zip(items, found) {
      guard let name = item.name, let digest, digest != item.kind else { continue }
      damaged.insert(item.file)
      let place = "\(files[item.file].path), byte \(item.offset)"
      report.differences.append(
        .init(name: name, difference: .digest(expected: item.kind.text, found: digest.text, place: place)))
    }
    report.differences += wholeFiles(found).filter { !damaged.contains($0.file) }.map(\.difference)
    if let obstacle {
      guard !report.differences.isEmpty else { throw obstacle }
      report.notes.append("its tensors could not be told apart: \(obstacle)")
    }
    report.notes += notes
    report.skipped = skipped
    report.comparedTensors = items.count { $0.name != nil }
    report.comparedFiles = whole.count
    report.comparedBytes = bytes
    return report
  }

  /// Files whose bytes as a whole are not those of the report.
  private func wholeFiles(_ found: [FileDigest?]) -> [(file: Int, difference: VerifyReport.Tensor)] {
    let (sums32, sums64) = (sums(CRC32.self, found), sums(CRC64.self, found))
    return whole.keys.sorted().compactMap { file in
      guard let expected = whole[file] else { return nil }
      let sum = if case .crc32 = expected.digest { sums32[file]?.digest } else { sums64[file]?.digest }
      guard sum != expected.digest else { return nil }
      let isInTensors = items.contains { $0.file == file && $0.name != nil }
      let place = files[file].path + (isInTensors ? ", outside of its tensors" : "")
      return (
        file,
        VerifyReport.Tensor(
          name: expected.path,
          difference: .digest(expected: expected.digest.text, found: sum?.text ?? "unknown", place: place)))
    }
  }

  private func sums<Kind: LinearChecksum>(_ kind: Kind.Type, _ found: [FileDigest?]) -> [Int: FileSum<Kind>] {
    var sums: [Int: FileSum<Kind>] = [:]
    for (item, digest) in zip(items, found) where item.isOfFile && whole[item.file] != nil {
      guard let digest, let value = Kind.value(digest) else { continue }
      sums[item.file, default: FileSum(size: files[item.file].size)].add(value, of: UInt64(item.bytes), at: item.offset)
    }
    for file in whole.keys where sums[file] == nil { sums[file] = FileSum(size: files[file].size) }
    return sums
  }
}
