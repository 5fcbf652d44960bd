import MimoChecksum
import MimoJSON
import MimoSystem
import MimoTransfer

/// A file of OUT, as the report lists it.
package struct ReportedFile: Sendable, Hashable {
  /// Inside OUT.
  package var path: String
  package var bytes: UInt64
  /// Last change of the contents, nanoseconds since 1970.
  package var modified: Int64
  package var digest: FileDigest

  package var json: JSONValue {
    .object([
      "path": .string(path), "bytes": .integer(Int(clamping: bytes)), "mtime_ns": .integer(modified),
      "digest": digest.json,
    ])
  }

  /// All files below a folder that is being made, sorted by path.
  ///
  /// - Parameter known: digests by path, of files that need not be read for it.
  package static func all(in folder: String, known: [String: FileDigest]) throws(MimoError) -> [ReportedFile] {
    var buffer = ByteBuffer()
    var files: [ReportedFile] = []
    for entry in try FileTree(folder).files where entry.path != ReportFile.name {
      let digest: FileDigest
      if let combined = known[entry.path] {
        digest = combined
      } else {
        digest = try .crc64(ofFile: FileSystem.join(folder, entry.path), &buffer)
      }
      files.append(
        ReportedFile(path: entry.path, bytes: entry.info.size, modified: entry.info.modified, digest: digest))
    }
    return files
  }
}

extension FileDigest {
  /// Reads a whole file.
  static func crc64(ofFile path: String, _ buffer: inout ByteBuffer) throws(MimoError) -> FileDigest {
    let file = try File.openForReading(path)
    return try digest(of: file, as: .crc64(0), &buffer)
  }

  /// The digest of an open file's bytes, of the same kind as another.
  static func digest(of file: File, as kind: FileDigest, _ buffer: inout ByteBuffer) throws(MimoError) -> FileDigest {
    let size = try file.size()
    var (crc64, crc32): (UInt64, UInt32) = (0, 0)
    var position: UInt64 = 0
    while position < size {
      try Interruption.check()
      let bytes = try buffer.reserve(Int(min(1 << 20, size - position)))
      try file.read(into: bytes, at: position)
      switch kind {
      case .crc64: crc64 = mimo_crc64(crc64, bytes.baseAddress, bytes.count)
      case .crc32: crc32 = mimo_crc32(crc32, bytes.baseAddress, bytes.count)
      }
      position += UInt64(bytes.count)
    }
    if case .crc32 = kind { return .crc32(crc32) }
    return .crc64(crc64)
  }
}
