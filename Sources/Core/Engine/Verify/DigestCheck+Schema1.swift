import MimoFormats
import MimoMapping
import MimoPlan
import MimoPlugins
import MimoSystem
import MimoTensor

/// Reports of schema 1 give the digests of chunks in the order of writing, and those of files not at all.
extension DigestCheck {
  init(
    schema1 report: RecordedReport, _ request: VerifyRequest, _ format: CheckpointFormat, in root: String,
    plugin: PluginLibrary
  ) throws(MimoError) {
    guard format != .hf else {
      try self.init(folder: request.first, report, in: root)
      return
    }
    let stored = try DigestCheck.open(request, format, plugin: plugin)
    self.init(
      basis: "each stored chunk's bytes against its CRC-32 in \(ConversionReport.fileName)", format: stored.formatName,
      root: root)
    files = stored.catalog.files
    var left = report.unplaced
    for index in stored.description.targets.indices {
      let name = stored.name(of: index)
      guard let digests = left.removeValue(forKey: name), !digests.isEmpty else {
        skipped.append(.init(name: name, reason: "the report has no digest of it"))
        continue
      }
      try add(index, name, digests, of: stored)
    }
    differences = left.keys.sorted().map { .init(name: $0, difference: .missing(from: "the checkpoint")) }
  }

  private mutating func add(
    _ index: Int, _ name: String, _ digests: [UInt32], of stored: StoredCheckpoint
  ) throws(MimoError) {
    let target = stored.catalog.targets[index]
    guard target.chunks.count == digests.count, let width = target.dtype.byteWidth else {
      throw MimoError(
        .invalidInput, "has \(target.chunks.count) chunks, but \(ConversionReport.fileName) has \(digests.count)",
        path: stored.path, tensor: name, remedy: "The report belongs to another checkpoint")
    }
    let order =
      switch stored.format {
      case .ranks: Array(target.chunks)
      case .fsdpDTensor: DigestCheck.rowOrder(target, stored.catalog)
      default: DigestCheck.writingOrder(index, of: stored)
      }
    for (chunk, digest) in zip(order, digests) {
      let place = stored.catalog.chunks[chunk]
      guard place.isRowMajor else {
        skipped.append(.init(name: name, reason: "a part of it does not lie in one run of bytes"))
        continue
      }
      items.append(
        Item(
          name: name, file: place.file, offset: place.offset, bytes: place.region.volume * width, kind: .crc32(digest)))
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
