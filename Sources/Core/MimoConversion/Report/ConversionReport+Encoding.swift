import MimoCheckpoints
import MimoChecksum
import MimoJSON
import MimoSystem
import MimoTensor
import MimoTransfer

extension ConversionReport {
  /// Writes the file: the summary, a line for each file and tensor, and last a CRC-64 of all that stands before it. The lists
  /// of a large model are longer than what else a run holds in memory, so they go out piece by piece.
  package func write(into folder: String) throws(MimoError) {
    var out = try ReportOutput(FileSystem.join(folder, ReportFile.name))
    var head = JSONWriter.write(summary, .indented(1))
    head.removeLast(2)
    try out.append(head)
    try out.append(list: "files", of: files) { $0.json }
    try out.append(list: "sources", of: sources, ConversionReport.json)
    try out.append(list: "targets", of: targets, json)
    try out.end()
  }

  private static func json(_ source: Source) -> JSONValue {
    .object([
      "name": .string(source.name), "dtype": .string(source.dtype), "shape": numbers(source.shape),
      "crc64": .string(hex(source.digest)),
    ])
  }

  private func json(_ target: Target) -> JSONValue {
    .object([
      "name": .string(target.name), "dtype": .string(target.dtype), "shape": ConversionReport.numbers(target.shape),
      "sources": .array(target.sources.map { .string($0) }),
      "chunks": .array(chunks.map { chunks in target.chunks.compactMap { ConversionReport.json($0, of: chunks) } } ?? []),
    ])
  }

  /// nil for one whose elements have no order that a digest could be of.
  private static func json(_ index: Int, of chunks: Chunks) -> JSONValue? {
    let chunk = chunks.catalog.chunks[index]
    guard chunk.hasRowMajorOrder else { return nil }
    return .object([
      "file": .string(chunks.paths[chunk.file]), "offset": numbers(chunk.region.offset),
      "extent": numbers(chunk.region.extent), "crc32": .string(hex(chunks.digests[index])),
    ])
  }

  private static func numbers(_ numbers: some Sequence<Int>) -> JSONValue { .array(numbers.map { .integer($0) }) }
}

/// A report on its way into its file.
private struct ReportOutput {
  private static let pieceBytes = 1 << 20

  private let file: File
  private var buffer: [UInt8] = []
  private var position: UInt64 = 0
  private var crc: UInt64 = 0

  init(_ path: String) throws(MimoError) { file = try File.create(path) }

  mutating func append(_ bytes: some Sequence<UInt8>) throws(MimoError) {
    buffer += bytes
    if buffer.count >= ReportOutput.pieceBytes { try flush() }
  }

  /// A list with a line for each item.
  mutating func append<Item>(list name: String, of items: [Item], _ json: (Item) -> JSONValue) throws(MimoError) {
    try append(",\n \"\(name)\": [".utf8)
    var isFirst = true
    for item in items {
      try append((isFirst ? "\n  " : ",\n  ").utf8)
      try append(JSONWriter.write(json(item), .oneLine))
      isFirst = false
    }
    try append((isFirst ? "]" : "\n ]").utf8)
  }

  mutating func end() throws(MimoError) {
    try flush()
    try file.write(ReportFile.seal(crc), at: position)
  }

  private mutating func flush() throws(MimoError) {
    crc = buffer.withUnsafeBytes { mimo_crc64(crc, $0.baseAddress, $0.count) }
    try file.write(buffer, at: position)
    position += UInt64(buffer.count)
    buffer.removeAll(keepingCapacity: true)
  }
}
