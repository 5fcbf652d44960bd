import MimoChecksum

/// A kind of checksum whose raw form is linear: that of a file is the sum of those of its parts.
package protocol LinearChecksum: Sendable {
  associatedtype Value: FixedWidthInteger & UnsignedInteger & Sendable
  static func raw(_ bytes: UnsafeRawBufferPointer) -> Value
  /// That of a part with so many bytes behind it.
  static func shifted(_ raw: Value, _ behind: UInt64) -> Value
  static func finished(_ raw: Value, _ length: UInt64) -> Value
  static func digest(_ value: Value) -> FileDigest
  /// nil for a digest of another kind.
  static func value(_ digest: FileDigest) -> Value?
}

package enum CRC32: LinearChecksum {
  package static func raw(_ bytes: UnsafeRawBufferPointer) -> UInt32 { mimo_crc32_raw(0, bytes.baseAddress, bytes.count) }
  package static func shifted(_ raw: UInt32, _ behind: UInt64) -> UInt32 { mimo_crc32_shift(raw, behind) }
  package static func finished(_ raw: UInt32, _ length: UInt64) -> UInt32 { mimo_crc32_finish(raw, length) }
  package static func digest(_ value: UInt32) -> FileDigest { .crc32(value) }
  package static func value(_ digest: FileDigest) -> UInt32? { if case .crc32(let value) = digest { value } else { nil } }
}

package enum CRC64: LinearChecksum {
  package static func raw(_ bytes: UnsafeRawBufferPointer) -> UInt64 { mimo_crc64_raw(0, bytes.baseAddress, bytes.count) }
  package static func shifted(_ raw: UInt64, _ behind: UInt64) -> UInt64 { mimo_crc64_shift(raw, behind) }
  package static func finished(_ raw: UInt64, _ length: UInt64) -> UInt64 { mimo_crc64_finish(raw, length) }
  package static func digest(_ value: UInt64) -> FileDigest { .crc64(value) }
  package static func value(_ digest: FileDigest) -> UInt64? { if case .crc64(let value) = digest { value } else { nil } }
}

/// The checksum of a file, put together from those of its parts in any order; the file itself is not read.
package struct FileSum<Kind: LinearChecksum>: Sendable {
  private let size: UInt64
  private var raw: Kind.Value = 0
  /// Bytes of the parts; nil once a part reached beyond the file.
  private var covered: UInt64? = 0

  package init(size: UInt64) { self.size = size }

  mutating func add(_ bytes: [UInt8], at position: UInt64) {
    add(raw: bytes.withUnsafeBytes { Kind.raw($0) }, UInt64(bytes.count), at: position)
  }

  /// A part of which the checksum is known.
  package mutating func add(_ checksum: Kind.Value, of count: UInt64, at position: UInt64) {
    // Finishing adds a constant to the raw checksum, which only the length decides.
    add(raw: checksum ^ Kind.finished(0, count), count, at: position)
  }

  /// The parts that another sum of the same file has.
  mutating func add(_ other: FileSum) {
    raw ^= other.raw
    covered = covered.flatMap { sum in other.covered.map { sum &+ $0 } }
  }

  /// nil when not all of the file was added.
  package var digest: FileDigest? { covered == size ? Kind.digest(Kind.finished(raw, size)) : nil }

  private mutating func add(raw part: Kind.Value, _ count: UInt64, at position: UInt64) {
    guard position <= size, count <= size - position, let sum = covered else { return covered = nil }
    raw ^= Kind.shifted(part, size - position - count)
    covered = sum &+ count
  }
}
