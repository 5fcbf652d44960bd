import MimoCheckpoints
import MimoMapping
import MimoPluginHost
import MimoSystem
import MimoTensor
import MimoTransfer

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
      basis: "each stored chunk's bytes against its CRC-32 in \(ReportFile.name)", format: stored.formatName,
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
        .invalidInput, "has \(target.chunks.count) chunks, but \(ReportFile.name) has \(digests.count)",
        path: stored.path, tensor: name, remedy: "The report belongs to another checkpoint")
    }
    let order = SchemaOne.order(of: index, in: stored)
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
}
