import MimoFormats
import MimoSystem
import MimoTensor

/// A `conversion_report.json`, read back. Like the checkpoint that it lies in, it may come from anywhere: its names are paths
/// inside of the folder, its numbers have bounds.
package struct RecordedReport: Sendable {
  /// A box of a target in a file.
  struct Chunk: Sendable {
    var file: String
    var region: Region
    var digest: UInt32
  }

  package let schema: Int
  /// What was written, as `--to` names it.
  let format: String
  /// By path in the folder. Schema 1 lists none.
  package private(set) var files: [String: ReportedFile] = [:]
  /// CRC-64 of each tensor of `sources`, by name.
  package private(set) var whole: [String: UInt64] = [:]
  /// Chunks of each target, by name.
  private(set) var chunks: [String: [Chunk]] = [:]
  /// Schema 1: CRC-32 of each target's chunks in the order of writing, by name.
  private(set) var unplaced: [String: [UInt32]] = [:]

  package static let largestFile = 1 << 30

  /// Reads the report at `path`.
  init(file path: String) throws(MimoError) {
    try self.init(try FileSystem.readSmallFile(path, limit: RecordedReport.largestFile), path: path)
  }

  /// Reads the bytes of a `conversion_report.json`.
  package init(_ bytes: [UInt8], path: String) throws(MimoError) {
    do throws(MimoError) {
      let json = try JSONParser.parse(bytes, path: path)
      schema = json["schema"]?.integer ?? 0
      guard schema == 1 || schema == ConversionReport.schemaVersion else {
        throw MimoError(.unsupported, "is of another schema than 1 or \(ConversionReport.schemaVersion)", path: path)
      }
      format = json["output.format"]?.string ?? ""
      let reader = ReportReader(path: path)
      if schema > 1 {
        try reader.checkSeal(of: bytes)
        for file in json["files"]?.array ?? [] {
          let file = try reader.file(file)
          guard files.updateValue(file, forKey: file.path) == nil else {
            throw reader.failure("a file is listed twice", tensor: file.path)
          }
        }
      }
      for tensor in json["sources"]?.array ?? [] {
        let (name, crc) = try reader.source(tensor)
        guard whole.updateValue(crc, forKey: name) == nil else {
          throw reader.failure("two sources have the same name", tensor: name)
        }
      }
      for target in json["targets"]?.array ?? [] {
        let name = try reader.name(target)
        guard chunks[name] == nil, unplaced[name] == nil else {
          throw reader.failure("two targets have the same name", tensor: name)
        }
        if schema == 1 { unplaced[name] = try reader.unplaced(target, name) } else { chunks[name] = try reader.chunks(target, name) }
      }
    } catch {
      var error = error
      error.remedy = "Copy the folder again; conversions go on without the report with --ignore-report"
      throw error
    }
  }
}

/// The parts of a report, each checked.
private struct ReportReader {
  let path: String

  func failure(_ message: String, tensor: String? = nil) -> MimoError {
    MimoError(.invalidInput, message, path: path, tensor: tensor)
  }

  /// Throws when the report was changed after it was written.
  func checkSeal(of bytes: [UInt8]) throws(MimoError) {
    let length = ConversionReport.seal([]).count
    guard bytes.count >= length, bytes.suffix(length) == ConversionReport.seal(bytes.dropLast(length))[...] else {
      throw failure("is damaged or was changed: the digest at its end is not that of the rest")
    }
  }

  func file(_ json: JSONValue) throws(MimoError) -> ReportedFile {
    guard let name = json["path"]?.string, RelativePath.isInside(name) else {
      throw failure("a file's path does not lie inside of the folder")
    }
    guard let bytes = json["bytes"]?.integer, bytes >= 0, case .integer(let modified)? = json["mtime_ns"],
      let digest = FileDigest(json["digest"])
    else { throw failure("a file has no bytes, mtime_ns or digest", tensor: name) }
    return ReportedFile(path: name, bytes: UInt64(bytes), modified: modified, digest: digest)
  }

  func source(_ json: JSONValue) throws(MimoError) -> (String, UInt64) {
    guard let name = json["name"]?.string, let crc = json["crc64"]?.string.flatMap({ UInt64($0, radix: 16) }) else {
      throw failure("a source has no name or no crc64")
    }
    return (name, crc)
  }

  func name(_ target: JSONValue) throws(MimoError) -> String {
    guard let name = target["name"]?.string else { throw failure("a target has no name") }
    return name
  }

  func unplaced(_ target: JSONValue, _ name: String) throws(MimoError) -> [UInt32] {
    guard let list = target["chunks_crc32"]?.array else { throw failure("a target has no chunks_crc32", tensor: name) }
    return try list.map { value throws(MimoError) in
      guard let crc = value.string.flatMap({ UInt32($0, radix: 16) }) else {
        throw failure("a digest is no hexadecimal number", tensor: name)
      }
      return crc
    }
  }

  func chunks(_ target: JSONValue, _ name: String) throws(MimoError) -> [RecordedReport.Chunk] {
    guard let list = target["chunks"]?.array else { throw failure("a target has no chunks", tensor: name) }
    return try list.map { json throws(MimoError) in
      guard let file = json["file"]?.string, RelativePath.isInside(file), let offset = dims(json["offset"]),
        let extent = dims(json["extent"]), offset.count == extent.count, product(extent) != nil,
        let crc = json["crc32"]?.string.flatMap({ UInt32($0, radix: 16) })
      else { throw failure("a chunk has no file, offset, extent or crc32", tensor: name) }
      return RecordedReport.Chunk(file: file, region: Region(offset: offset, extent: extent), digest: crc)
    }
  }

  private func dims(_ json: JSONValue?) -> DimVector? {
    guard let items = json?.array, items.count <= DimVector.capacity else { return nil }
    var dims = DimVector()
    for item in items {
      guard let number = item.integer, number >= 0 else { return nil }
      dims.append(number)
    }
    return dims
  }
}

/// Paths that a file names.
enum RelativePath {
  /// Whether it stays inside of the folder that it is relative to.
  static func isInside(_ path: String) -> Bool {
    !path.utf8.contains(0)
      && path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
  }
}
