import MimoChecksum
import MimoContainers
import MimoSystem
import MimoTransfer
import Synchronization

/// Byte ranges of files and the digests that they must have, and their reading.
package struct DigestReader: Sendable {
  package struct Item: Sendable {
    /// Of the tensor; nil for bytes around tensors, which count for their file alone.
    package var name: String?
    package var file: Int
    package var offset: UInt64
    package var bytes: Int
    /// What they must have; of bytes around tensors only its kind counts.
    package var kind: FileDigest
    /// Counts for the digest of its file.
    package var isOfFile = true

    package init(name: String?, file: Int, offset: UInt64, bytes: Int, kind: FileDigest) {
      self.name = name
      self.file = file
      self.offset = offset
      self.bytes = bytes
      self.kind = kind
    }
  }

  package var items: [Item] = []
  package var files: [StoredFile] = []

  package init() {}

  /// The tensors of a Hugging Face folder that have a digest of their own in a report.
  package init(_ folder: HuggingFaceFolder, _ report: RecordedReport) {
    files = folder.files.map { StoredFile(path: $0.path, size: $0.size) }
    for tensor in folder.tensors {
      guard let expected = report.whole[tensor.name] else { continue }
      items.append(
        Item(
          name: tensor.name, file: tensor.file, offset: tensor.range.lowerBound, bytes: tensor.range.count,
          kind: .crc64(expected)))
    }
  }

  /// The first tensor that is not what it must be.
  func firstDifference(_ resources: Resources) throws(MimoError) -> (item: Item, found: FileDigest)? {
    for (item, digest) in zip(items, try digests(resources, MemoryBudget()) { _, _ in }) {
      if let digest, digest != item.kind { return (item, digest) }
    }
    return nil
  }

  /// Reads all items; parallel to them.
  package func digests(
    _ resources: Resources, _ budget: MemoryBudget, progress: @escaping ProgressHandler
  ) throws(MimoError) -> [FileDigest?] {
    let opened = try ChunkFiles.open(files)
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
        let digest = try DigestReader.digest(of: item, in: opened[item.file], &buffer, window: window) { bytes in
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
}
