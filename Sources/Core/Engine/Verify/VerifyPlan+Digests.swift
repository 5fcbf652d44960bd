import MimoChecksum
import MimoFormats
import MimoMapping
import MimoPlan
import MimoPlugins
import MimoSystem
import MimoTensor
import Synchronization

extension VerifyPlan {
  /// One checkpoint against the digests of the report that was written with it.
  init(digestsOf request: VerifyRequest, format: CheckpointFormat, plugin: PluginLibrary) throws(MimoError) {
    let path = FileSystem.join(request.first, ConversionReport.fileName)
    guard try FileSystem.exists(path) else {
      throw MimoError(
        .usage, "has no \(ConversionReport.fileName) to be checked against", path: request.first,
        remedy: "Name a second checkpoint to compare it with")
    }
    let report = try RecordedDigests(try FileSystem.readSmallFile(path, limit: 1 << 30), path: path)
    let check =
      format == .hf
      ? try DigestCheck(folder: request.first, report) : try DigestCheck(stored: request, format, report, plugin: plugin)
    guard !check.items.isEmpty else {
      throw MimoError(
        .invalidInput, "has no digest of anything in the checkpoint", path: path,
        remedy: "The report belongs to another checkpoint")
    }
    self.init(bytes: check.items.reduce(0) { $0 + $1.bytes }) { (progress) throws(MimoError) in
      try check.run(request, progress: progress)
    }
  }
}

/// The digests in a conversion report.
package struct RecordedDigests {
  /// CRC-64 of each Hugging Face tensor, by name.
  private(set) var whole: [String: UInt64] = [:]
  /// CRC-32 of each stored chunk of a target, by name.
  private(set) var chunks: [String: [UInt32]] = [:]

  /// Reads the bytes of a `conversion_report.json`.
  package init(_ bytes: [UInt8], path: String) throws(MimoError) {
    let json = try JSONParser.parse(bytes, path: path)
    guard json["schema"]?.integer == ConversionReport.schemaVersion else {
      throw MimoError(.unsupported, "is of another schema than \(ConversionReport.schemaVersion)", path: path)
    }
    for tensor in json["sources"]?.array ?? [] {
      guard let name = tensor["name"]?.string, let crc = tensor["crc64"]?.string.flatMap({ UInt64($0, radix: 16) }) else {
        throw MimoError(.invalidInput, "a source has no name or no crc64", path: path)
      }
      guard whole.updateValue(crc, forKey: name) == nil else {
        throw MimoError(.invalidInput, "two sources have the same name", path: path, tensor: name)
      }
    }
    for target in json["targets"]?.array ?? [] {
      guard let name = target["name"]?.string, let list = target["chunks_crc32"]?.array else {
        throw MimoError(.invalidInput, "a target has no name or no chunks_crc32", path: path)
      }
      let digests = try list.map { value throws(MimoError) in
        guard let crc = value.string.flatMap({ UInt32($0, radix: 16) }) else {
          throw MimoError(.invalidInput, "a digest is no hexadecimal number", path: path, tensor: name)
        }
        return crc
      }
      guard chunks.updateValue(digests, forKey: name) == nil else {
        throw MimoError(.invalidInput, "two targets have the same name", path: path, tensor: name)
      }
    }
  }
}

/// Byte ranges of files and the digests that they must have.
struct DigestCheck: Sendable {
  enum Digest: Sendable, Hashable {
    case crc64(UInt64)
    case crc32(UInt32)

    var text: String {
      switch self {
      case .crc64(let value): hex(value)
      case .crc32(let value): hex(value)
      }
    }
  }

  struct Item: Sendable {
    var name: String
    var file: Int
    var offset: UInt64
    var bytes: Int
    var expected: Digest
  }

  private(set) var items: [Item] = []
  private var files: [StoredFile] = []
  private var differences: [VerifyReport.Tensor] = []
  private var skipped: [VerifyReport.Skipped] = []
  private let basis: String
  private let format: String

  /// The tensors of a folder, each with one digest over its bytes.
  init(folder path: String, _ report: RecordedDigests) throws(MimoError) {
    basis = "each tensor's bytes against its CRC-64 in \(ConversionReport.fileName)"
    format = "hf"
    let folder = try HuggingFaceFolder.open(path)
    files = folder.files.map { StoredFile(path: $0.path, size: $0.size) }
    var left = report.whole
    for tensor in folder.tensors {
      guard let expected = left.removeValue(forKey: tensor.name) else {
        skipped.append(.init(name: tensor.name, reason: "the report has no digest of it"))
        continue
      }
      items.append(
        Item(
          name: tensor.name, file: tensor.file, offset: tensor.range.lowerBound, bytes: tensor.range.count,
          expected: .crc64(expected)))
    }
    differences = left.keys.sorted().map { .init(name: $0, difference: .missing(from: "the checkpoint")) }
  }

  /// The chunks of a Megatron checkpoint, each with a digest of its own.
  init(
    stored request: VerifyRequest, _ format: CheckpointFormat, _ report: RecordedDigests, plugin: PluginLibrary
  ) throws(MimoError) {
    basis = "each stored chunk's bytes against its CRC-32 in \(ConversionReport.fileName)"
    let origin: ModelOrigin
    if let folder = request.configFolder {
      origin = try ModelOrigin(folder: folder)
    } else {
      origin = try ModelOrigin(beside: request.first)
    }
    var stored = try StoredCheckpoint(
      request.first, format: format, of: origin, expertStorage: nil, withOptimizer: true, plugin: plugin)
    try stored.locate(jobs: request.resources.jobs)
    self.format = stored.formatName
    files = stored.catalog.files
    var left = report.chunks
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
        .invalidInput, "has \(target.chunks.count) chunks, but \(ConversionReport.fileName) tells of \(digests.count)",
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
      guard place.strides == rowMajorStrides(place.region.extent) else {
        skipped.append(.init(name: name, reason: "a part of it does not lie in one run of bytes"))
        continue
      }
      items.append(
        Item(
          name: name, file: place.file, offset: place.offset, bytes: place.region.volume * width, expected: .crc32(digest)))
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

  func run(_ request: VerifyRequest, progress: @escaping ProgressHandler) throws(MimoError) -> VerifyReport {
    let opened = try OutputFolder.open(files)
    let order = items.indices.sorted { (items[$0].file, items[$0].offset) < (items[$1].file, items[$1].offset) }
    let queue = WorkQueue(count: order.count)
    let wrong = Wrong()
    let window = request.resources.windowBytes
    try Workers.run(count: min(request.resources.jobs, max(1, order.count))) { worker throws(MimoError) in
      var buffer = ByteBuffer()
      while !worker.isCancelled, let next = queue.next() {
        let item = items[order[next]]
        var sums: (UInt64, UInt32) = (0, 0)
        var position = 0
        while position < item.bytes {
          try Interruption.check()
          let bytes = buffer.reserve(min(window, item.bytes - position))
          try opened[item.file].read(into: bytes, at: item.offset + UInt64(position))
          switch item.expected {
          case .crc64: sums.0 = mimo_crc64(sums.0, bytes.baseAddress, bytes.count)
          case .crc32: sums.1 = mimo_crc32(sums.1, bytes.baseAddress, bytes.count)
          }
          position += bytes.count
          progress(bytes.count, item.name)
        }
        let found: Digest = if case .crc64 = item.expected { .crc64(sums.0) } else { .crc32(sums.1) }
        if found != item.expected { wrong.found.withLock { $0[order[next]] = found } }
      }
    }
    return report(request, wrong.found.withLock { $0 })
  }

  private final class Wrong: Sendable {
    let found = Mutex<[Int: Digest]>([:])
  }

  private func report(_ request: VerifyRequest, _ wrong: [Int: Digest]) -> VerifyReport {
    var report = VerifyReport(a: .init(path: request.first, format: format), b: nil, basis: basis)
    report.differences =
      differences
      + wrong.keys.sorted().map { index in
        .init(
          name: items[index].name,
          difference: .digest(
            expected: items[index].expected.text, found: wrong[index]?.text ?? "",
            place: "\(files[items[index].file].path), byte \(items[index].offset)"))
      }
    report.skipped = skipped
    report.comparedTensors = items.count
    report.comparedBytes = items.reduce(0) { $0 + $1.bytes }
    return report
  }
}
