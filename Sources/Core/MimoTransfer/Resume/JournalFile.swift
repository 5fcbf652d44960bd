import MimoChecksum
import MimoSystem

/// A file of checksummed records behind a header: it only grows, and may end anywhere when the machine stops.
///
/// Form (integers little-endian): the magic, u32 version, then records. A record is u32 length, u32 CRC-32 of its
/// position (u64) and its payload, payload. The first record is the header. A record counts only when it is whole:
/// what follows the last whole one is a torn write, and is cut off.
package struct JournalFile: ~Copyable {
  package static let magic = Array("MIMOJRNL".utf8)
  static let version: UInt32 = 2
  /// Larger than any record that a plan can make; keeps a damaged length from taking memory.
  static let largestRecord = 64 << 20
  private static let preludeSize = 12
  static let frameSize = 8

  private let file: File
  private(set) var end: UInt64
  /// Behind the header.
  private var start: UInt64

  /// Begins a journal in an empty file. The first records that are appended take the header to the disk.
  package init(beginning file: File, header: [UInt8]) throws(MimoError) {
    self.file = file
    end = 0
    var bytes = JournalFile.magic
    JournalFile.append(JournalFile.version, to: &bytes)
    try JournalFile.append(header, at: UInt64(bytes.count), to: &bytes)
    try file.write(bytes, at: 0)
    end = UInt64(bytes.count)
    start = end
  }

  /// Continues a journal; nil when it is empty, or its header was not written to the end, so that nothing is recorded.
  ///
  /// - Parameter body: told the header with each record.
  init?(
    continuing file: File, _ body: (_ header: [UInt8], _ record: [UInt8]) throws(MimoError) -> Void
  ) throws(MimoError) {
    self.file = file
    end = UInt64(JournalFile.preludeSize)
    start = end
    let size = try file.size()
    guard size > end else { return nil }
    guard try JournalFile.hasPrelude(file), let header = try JournalFile.record(file, at: end, size: size) else { return nil }
    end += UInt64(JournalFile.frameSize + header.count)
    start = end
    while let payload = try JournalFile.record(file, at: end, size: size) {
      try body(header, payload)
      end += UInt64(JournalFile.frameSize + payload.count)
    }
    if end < size { try file.resize(to: end) }
  }

  /// Appends records and waits until they are on the disk.
  package mutating func append(_ payloads: [[UInt8]]) throws(MimoError) {
    var bytes: [UInt8] = []
    for payload in payloads { try JournalFile.append(payload, at: end + UInt64(bytes.count), to: &bytes) }
    try file.write(bytes, at: end)
    try file.syncData()
    end += UInt64(bytes.count)
  }

  /// All records so far.
  var records: JournalRecords { JournalRecords(of: file, from: start, to: end) }

  /// False where a lost machine left the size of a journal that had just begun, and zeros.
  private static func hasPrelude(_ file: File) throws(MimoError) -> Bool {
    var prelude = [UInt8](repeating: 0, count: preludeSize)
    let outcome = prelude.withUnsafeMutableBytes { buffer in
      capture { () throws(MimoError) in try file.read(into: buffer, at: 0) }
    }
    try outcome.get()
    if prelude.allSatisfy({ $0 == 0 }) { return false }
    guard Array(prelude[..<magic.count]) == magic else {
      throw refusal("is no journal of a conversion", file)
    }
    let found = integer(prelude, at: magic.count)
    guard found == version else { throw refusal("was begun by another version of mimo-host: its journal is of version \(found), here \(version) is known", file) }
    return true
  }

  /// The payload of a whole record; nil at the end or where the rest is torn.
  static func record(_ file: File, at position: UInt64, size: UInt64) throws(MimoError) -> [UInt8]? {
    let body = position + UInt64(frameSize)
    guard body <= size else { return nil }
    let frame = try bytes(file, at: position, count: frameSize)
    let length = Int(integer(frame, at: 0))
    guard length <= largestRecord, UInt64(length) <= size - body else { return nil }
    let payload = try bytes(file, at: body, count: length)
    return checksum(payload, at: position) == integer(frame, at: 4) ? payload : nil
  }

  private static func bytes(_ file: File, at position: UInt64, count: Int) throws(MimoError) -> [UInt8] {
    try RawMemory.ensure(count)
    var bytes = [UInt8](repeating: 0, count: count)
    let outcome = bytes.withUnsafeMutableBytes { buffer in
      capture { () throws(MimoError) in try file.read(into: buffer, at: position) }
    }
    try outcome.get()
    return bytes
  }

  private static func append(_ payload: [UInt8], at position: UInt64, to bytes: inout [UInt8]) throws(MimoError) {
    guard payload.count <= largestRecord else {
      throw MimoError(.internalError, "a journal record of \(payload.count) bytes")
    }
    append(UInt32(payload.count), to: &bytes)
    append(checksum(payload, at: position), to: &bytes)
    bytes += payload
  }

  private static func checksum(_ payload: [UInt8], at position: UInt64) -> UInt32 {
    let crc = withUnsafeBytes(of: position.littleEndian) { mimo_crc32(0, $0.baseAddress, $0.count) }
    return payload.withUnsafeBytes { mimo_crc32(crc, $0.baseAddress, $0.count) }
  }

  private static func append(_ number: UInt32, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: number.littleEndian) { bytes += $0 }
  }

  private static func integer(_ bytes: [UInt8], at start: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << UInt32(8 * $1) }
  }

  private static func refusal(_ message: String, _ file: File) -> MimoError {
    MimoError(.invalidInput, message, path: file.path, remedy: "--restart begins anew")
  }
}
