import MimoJSON
import MimoSystem
import MimoTensor

/// A `conversion_report.json`, read back. Like the checkpoint that it lies in, it may come from anywhere: its names are paths
/// inside of the folder, its numbers have bounds.
package struct RecordedReport: Sendable {
  package let schema: Int
  /// What was written, as `--to` names it.
  package let format: String
  /// Every file of the folder but the report. Schema 1 lists none.
  package private(set) var listed: [ReportedFile] = []
  /// CRC-64 of each tensor of `sources`, by name.
  package private(set) var whole: [String: UInt64] = [:]
  /// Chunks of each target, by name.
  package private(set) var chunks: [String: RecordedChunks] = [:]
  /// Schema 1: CRC-32 of each target's chunks in the order of writing, by name.
  package private(set) var unplaced: [String: [UInt32]] = [:]
  private var numbers: [String: Int] = [:]

  package static let largestFile = 1 << 30

  /// Reads the report at `path`.
  ///
  /// - Parameter lists: those that are needed.
  package init(file path: String, lists: Set<ReportLines.List> = Set(ReportLines.List.allCases)) throws(MimoError) {
    try self.init(try FileSystem.readSmallFile(path, limit: RecordedReport.largestFile), path: path, lists: lists)
  }

  /// All of a report but its long lists.
  static func head(ofFile path: String) throws(MimoError) -> JSONValue {
    try ReportLines(try FileSystem.readSmallFile(path, limit: largestFile), path: path).head
  }

  /// Reads the bytes of a `conversion_report.json`.
  package init(_ bytes: [UInt8], path: String) throws(MimoError) {
    try self.init(bytes, path: path, lists: Set(ReportLines.List.allCases))
  }

  private init(_ bytes: [UInt8], path: String, lists: Set<ReportLines.List>) throws(MimoError) {
    do throws(MimoError) {
      let lines = try ReportLines(bytes, path: path)
      let head = lines.head
      schema = head["schema"]?.integer ?? 0
      format = head["output.format"]?.string ?? ""
      guard schema == 1 || schema == ReportFile.schemaVersion && lines.isSealed else {
        throw MimoError(
          .invalidInput, schema == ReportFile.schemaVersion
            ? "is damaged or was changed: it does not end with its digest" : "is of no schema that is known", path: path)
      }
      let reader = ReportReader(path: path)
      try lines.forEach(in: lists) { (list, json) throws(MimoError) in try add(json, to: list, reader) }
    } catch {
      var error = error
      error.remedy = "Copy the folder again; conversions go on without the report with --ignore-report"
      throw error
    }
  }

  /// Where a file is in `listed`.
  package func number(of path: String) -> Int? { numbers[path] }

  package func file(_ path: String) -> ReportedFile? { numbers[path].map { listed[$0] } }

  private mutating func add(_ json: JSONValue, to list: ReportLines.List, _ reader: ReportReader) throws(MimoError) {
    switch list {
    case .files:
      let file = try reader.file(json)
      guard numbers.updateValue(listed.count, forKey: file.path) == nil else {
        throw reader.failure("a file is listed twice", tensor: file.path)
      }
      listed.append(file)
    case .sources:
      let (name, crc) = try reader.source(json)
      guard whole.updateValue(crc, forKey: name) == nil else {
        throw reader.failure("two sources have the same name", tensor: name)
      }
    case .targets:
      let name = try reader.name(json)
      guard chunks[name] == nil, unplaced[name] == nil else {
        throw reader.failure("two targets have the same name", tensor: name)
      }
      if schema == 1 {
        unplaced[name] = try reader.unplaced(json, name)
      } else {
        chunks[name] = try reader.chunks(json, name, files: numbers)
      }
    }
  }
}

/// The parts of a report, each checked.
private struct ReportReader {
  let path: String

  func failure(_ message: String, tensor: String? = nil) -> MimoError {
    MimoError(.invalidInput, message, path: path, tensor: tensor)
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

  /// - Parameter files: numbers of the listed ones.
  func chunks(
    _ target: JSONValue, _ name: String, files: [String: Int]
  ) throws(MimoError) -> RecordedChunks {
    guard let list = target["chunks"]?.array else { throw failure("a target has no chunks", tensor: name) }
    var chunks = RecordedChunks()
    for json in list {
      guard let file = json["file"]?.string.flatMap({ files[$0] }), let offset = dims(json["offset"]),
        let extent = dims(json["extent"]), offset.count == extent.count, product(extent) != nil,
        let crc = json["crc32"]?.string.flatMap({ UInt32($0, radix: 16) }),
        chunks.append(file: file, Region(offset: offset, extent: extent), crc)
      else { throw failure("a chunk has no listed file, offset, extent or crc32", tensor: name) }
    }
    return chunks
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
