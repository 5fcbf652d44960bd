import MimoJSON
import MimoSystem

/// The digest of a run of bytes, and of which kind it is.
package enum FileDigest: Sendable, Hashable {
  /// CRC-64/NVME.
  case crc64(UInt64)
  /// CRC-32 of zip.
  case crc32(UInt32)

  package var text: String {
    switch self {
    case .crc64(let value): hex(value)
    case .crc32(let value): hex(value)
    }
  }

  package func isSameKind(as other: FileDigest) -> Bool {
    switch (self, other) {
    case (.crc64, .crc64), (.crc32, .crc32): true
    default: false
    }
  }

  var json: JSONValue {
    switch self {
    case .crc64: .object(["crc64": .string(text)])
    case .crc32: .object(["crc32": .string(text)])
    }
  }

  /// nil for anything but one digest of a known kind.
  init?(_ json: JSONValue?) {
    guard let object = json?.object, object.count == 1 else { return nil }
    if let value = object["crc64"]?.string.flatMap({ UInt64($0, radix: 16) }) {
      self = .crc64(value)
    } else if let value = object["crc32"]?.string.flatMap({ UInt32($0, radix: 16) }) {
      self = .crc32(value)
    } else {
      return nil
    }
  }
}
