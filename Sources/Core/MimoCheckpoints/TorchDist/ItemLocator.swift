import MimoContainers
import MimoSystem
import MimoTensor
import MimoTransfer
import Synchronization

/// Finds where the elements of every chunk of a distributed checkpoint begin: a short read an item, on all workers.
struct ItemLocator: Sendable {
  private let checkpoint: DistCheckpoint
  private let items: [DistSource.Item]
  private let catalog: StoredCatalog

  init(_ checkpoint: DistCheckpoint, _ items: [DistSource.Item], catalog: StoredCatalog) {
    self.checkpoint = checkpoint
    self.items = items
    self.catalog = catalog
  }

  /// A chunk with its place filled in.
  struct Found: Sendable {
    var chunk: StoredChunk
    /// Where the file has the CRC-32 of the chunk's bytes; nil when it is of other bytes too.
    var crc32Position: UInt64?
  }

  /// The catalog's chunks with their offsets and strides filled in.
  func locate(jobs: Int) throws(MimoError) -> [Found] {
    let located = Mutex(catalog.chunks.map { Found(chunk: $0, crc32Position: nil) })
    let result = Located(located)
    let count = items.count
    let jobs = max(1, min(jobs, count))
    let sources = try checkpoint.files.indices.map { file throws(MimoError) in try checkpoint.source(file) }
    try Workers.run(count: jobs) { worker throws(MimoError) in
      let share = (count + jobs - 1) / jobs
      let range = min(worker.index * share, count)..<min((worker.index + 1) * share, count)
      var own: [Found] = []
      own.reserveCapacity(range.count)
      for index in range {
        if worker.isCancelled { return }
        own.append(try find(index, sources))
      }
      let chunks = own
      result.chunks.withLock { $0.replaceSubrange(range, with: chunks) }
    }
    return result.chunks.withLock { $0 }
  }

  private final class Located: Sendable {
    let chunks: Mutex<[Found]>
    init(_ chunks: consuming Mutex<[Found]>) { self.chunks = chunks }
  }

  private func find(_ index: Int, _ sources: [PosixByteSource]) throws(MimoError) -> Found {
    var chunk = catalog.chunks[index]
    let item = items[index]
    let tensor = checkpoint.tensors[item.tensor]
    let stored = try checkpoint.payload(of: tensor.chunks[item.chunk], of: tensor, in: sources[chunk.file])
    guard let width = tensor.dtype.byteWidth else {
      throw MimoError(.unsupported, "\(tensor.dtype.rawValue) can not be converted", tensor: tensor.key)
    }
    var skipped = 0
    for (axis, steps) in item.lead.enumerated() { skipped += steps * stored.strides[axis] }
    chunk.offset = stored.offset + UInt64(skipped * width)
    var strides = DimVector()
    for dim in item.lead.count..<stored.strides.count { strides.append(stored.strides[dim]) }
    chunk.strides = strides
    let isAlone = chunk.region.volume == product(tensor.chunks[item.chunk].region.extent)
    return Found(chunk: chunk, crc32Position: isAlone && stored.isContiguous ? stored.crc32Position : nil)
  }
}
