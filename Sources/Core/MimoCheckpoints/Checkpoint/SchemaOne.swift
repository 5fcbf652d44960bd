import MimoMapping
import MimoParallel
import MimoTensor
import MimoTransfer

/// Which chunk each digest of a report of schema 1 is of: it gives them in the order of writing.
package enum SchemaOne {
  /// Fills in the digests of a target's chunks, where the report is of as many.
  static func assign(_ crcs: [UInt32], to target: Int, of stored: StoredCheckpoint, _ digests: inout [UInt32?]) {
    guard crcs.count == stored.catalog.targets[target].chunks.count else { return }
    for (chunk, crc) in zip(order(of: target, in: stored), crcs) where stored.catalog.chunks[chunk].isRowMajor {
      digests[chunk] = crc
    }
  }

  /// The chunks of a target in the order in which they were written.
  package static func order(of target: Int, in stored: StoredCheckpoint) -> [Int] {
    switch stored.format {
    case .ranks: Array(stored.catalog.targets[target].chunks)
    case .fsdpDTensor: rowOrder(stored.catalog.targets[target], stored.catalog)
    default: writingOrder(target, of: stored)
    }
  }

  /// A writer of uneven rows takes them as they lie in the tensor.
  private static func rowOrder(_ target: StoredTarget, _ catalog: StoredCatalog) -> [Int] {
    target.chunks.sorted {
      catalog.chunks[$0].region.offset.lexicographicallyPrecedes(catalog.chunks[$1].region.offset)
    }
  }

  /// A writer takes shard after shard, and within each its segments in order.
  private static func writingOrder(_ index: Int, of stored: StoredCheckpoint) -> [Int] {
    let placement = stored.description.targets[index].placement
    guard let dim = placement.splitDim else { return Array(stored.catalog.targets[index].chunks) }
    func key(_ chunk: Int) -> (shard: Int, segment: Int) {
      let region = stored.catalog.chunks[chunk].region
      var start = 0
      for (segment, part) in placement.segments.enumerated() {
        if region.offset[dim] < start + part.extent {
          return ((region.offset[dim] - start) / max(region.extent[dim], 1), segment)
        }
        start += part.extent
      }
      return (Int.max, 0)
    }
    return stored.catalog.targets[index].chunks.sorted { key($0) < key($1) }
  }
}
