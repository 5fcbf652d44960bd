import MimoChecksum
import MimoFormats

extension ConversionReport {
  /// The file's bytes: the summary, a line for each file and tensor, and last a CRC-64 of all that stands before it.
  package func encoded() -> [UInt8] {
    var bytes = JSONWriter.write(summary, .indented(1))
    bytes.removeLast(2)
    ConversionReport.append(files.lazy.map(\.json), as: "files", to: &bytes)
    ConversionReport.append(sources.lazy.map(ConversionReport.json), as: "sources", to: &bytes)
    ConversionReport.append(targets.lazy.map(json), as: "targets", to: &bytes)
    return bytes + ConversionReport.seal(bytes[...])
  }

  /// The end of a report: the digest of what stands before it. A changed report would check nothing, or raise a false alarm.
  package static func seal(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    let crc = bytes.withUnsafeBytes { mimo_crc64(0, $0.baseAddress, $0.count) }
    return Array(",\n \"crc64\": \"\(hex(crc))\"\n}\n".utf8)
  }

  private static func append(_ items: some Sequence<JSONValue>, as name: String, to bytes: inout [UInt8]) {
    bytes += ",\n \"\(name)\": [".utf8
    var isFirst = true
    for item in items {
      bytes += (isFirst ? "\n  " : ",\n  ").utf8
      bytes += JSONWriter.write(item, .oneLine)
      isFirst = false
    }
    bytes += (isFirst ? "]" : "\n ]").utf8
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
      "sources": .array(target.sources.map { .string($0) }), "chunks": .array(target.chunks.map(json)),
    ])
  }

  private func json(_ chunk: Chunk) -> JSONValue {
    .object([
      "file": .string(chunkFiles[chunk.file]), "offset": ConversionReport.numbers(chunk.region.offset),
      "extent": ConversionReport.numbers(chunk.region.extent), "crc32": .string(hex(chunk.digest)),
    ])
  }

  private static func numbers(_ numbers: some Sequence<Int>) -> JSONValue { .array(numbers.map { .integer($0) }) }
}
