import MimoChecksum
import MimoSystem

/// The members of one torch.save archive inside a file, found by its central directory.
///
/// Stored members only; nothing is trusted before it was compared with the range that the archive has in the file.
package struct TorchZipArchive: Sendable {
  package struct Member: Sendable {
    /// Where the local header begins, from the start of the archive.
    var headerOffset: UInt64
    package var size: UInt64
    /// zip's CRC-32, 0 when the writer left it out.
    package var crc32: UInt32
    /// Where in the file the central directory has that CRC.
    package var crc32Position: UInt64
  }

  package let path: String
  /// Where the archive begins in its file.
  package let offset: UInt64
  package let length: UInt64
  /// The folder that all members lie in.
  package private(set) var root = ""
  package private(set) var members: [String: Member] = [:]
  private var directoryOffset: UInt64 = 0

  private static let endLength = 22
  private static let maximumDirectoryLength: UInt64 = 256 << 20

  package init(_ source: some ByteSource, offset: UInt64 = 0, length: UInt64) throws(MimoError) {
    path = source.path
    self.offset = offset
    self.length = length
    guard offset <= source.size, length <= source.size - offset else {
      throw MimoError(
        .invalidInput, "an item of \(length) bytes reaches beyond the file's \(source.size)", path: path, byte: offset,
        remedy: "The file is cut short or its metadata is wrong")
    }
    try readDirectory(source)
  }

  private func failure(_ message: String, at byte: UInt64? = nil) -> MimoError {
    MimoError(.invalidInput, message, path: path, byte: offset + (byte ?? 0))
  }

  private mutating func readDirectory(_ source: some ByteSource) throws(MimoError) {
    let tail = try Tail(source, offset: offset, length: length)
    var (count, size, start) = (UInt64(tail.u16(10)), UInt64(tail.u32(12)), UInt64(tail.u32(16)))
    var directoryEnd = tail.start
    if tail.end >= 20, tail.matches(-20, [0x50, 0x4B, 6, 7]) {
      let record = tail.u64(-12)
      guard record <= length, length - record >= 56 else {
        throw failure("the zip64 end record lies outside of the item")
      }
      let bytes = ZipBytes(try source.bytes(at: offset + record, count: 56))
      guard bytes.matches(0, [0x50, 0x4B, 6, 6]) else { throw failure("there is no zip64 end record", at: record) }
      (count, size, start) = (bytes.u64(32), bytes.u64(40), bytes.u64(48))
      // The record has 12 + 44 bytes and the locator before the end record follows it.
      guard bytes.u64(4) == 44, record + 56 + 20 == tail.start else {
        throw failure("the zip64 end record does not stand before the end record", at: record)
      }
      directoryEnd = record
    }
    guard start <= length, size <= length - start, size <= Self.maximumDirectoryLength, count <= size / 46 else {
      throw failure("the central directory lies outside of the item")
    }
    // Two archives in one, or one behind something else: readers would disagree about what is in it.
    guard start + size == directoryEnd else {
      throw failure("the central directory does not end where the end record begins", at: start)
    }
    directoryOffset = start
    let bytes = ZipBytes(try tail.bytes(at: start, count: Int(size), from: source))
    var place = 0
    for _ in 0..<count { place = try readEntry(bytes, place) }
    guard place == bytes.count else { throw failure("the central directory is damaged", at: start + UInt64(place)) }
    guard !members.isEmpty else { throw failure("the archive is empty") }
  }

  /// Reads the entry at `place` of the directory; gives the place of the next.
  private mutating func readEntry(_ bytes: ZipBytes, _ place: Int) throws(MimoError) -> Int {
    let at = directoryOffset + UInt64(place)
    guard bytes.count - place >= 46, bytes.matches(place, [0x50, 0x4B, 1, 2]) else {
      throw failure("the central directory is damaged", at: at)
    }
    let (nameLength, extraLength, commentLength) =
      (Int(bytes.u16(place + 28)), Int(bytes.u16(place + 30)), Int(bytes.u16(place + 32)))
    let next = place + 46 + nameLength + extraLength + commentLength
    guard next <= bytes.count else { throw failure("the central directory is damaged", at: at) }
    guard let name = bytes.text(place + 46, nameLength) else { throw failure("a member's name is not text", at: at) }

    var (compressed, size, header) =
      (UInt64(bytes.u32(place + 20)), UInt64(bytes.u32(place + 24)), UInt64(bytes.u32(place + 42)))
    var field = place + 46 + nameLength
    let extraEnd = field + extraLength
    while field + 4 <= extraEnd {
      let (kind, fieldLength) = (bytes.u16(field), Int(bytes.u16(field + 2)))
      guard field + 4 + fieldLength <= extraEnd else { throw failure("the extra field of \(name) is damaged", at: at) }
      if kind == 1 {
        var number = field + 4
        func wide(_ value: UInt64) throws(MimoError) -> UInt64 {
          guard value == 0xFFFF_FFFF else { return value }
          guard number + 8 <= field + 4 + fieldLength else {
            throw failure("the zip64 field of \(name) is too short", at: at)
          }
          defer { number += 8 }
          return bytes.u64(number)
        }
        size = try wide(size)
        compressed = try wide(compressed)
        header = try wide(header)
      }
      field += 4 + fieldLength
    }
    guard bytes.u16(place + 10) == 0, compressed == size else { throw failure("\(name) is compressed", at: at) }
    guard bytes.u16(place + 8) & 1 == 0 else { throw failure("\(name) is encrypted", at: at) }
    guard header <= directoryOffset, size <= directoryOffset - header else {
      throw failure("\(name) reaches beyond the archive", at: at)
    }
    let crc = Member(
      headerOffset: header, size: size, crc32: bytes.u32(place + 16), crc32Position: offset + at + 16)
    try add(name, crc, at: at)
    return next
  }

  private mutating func add(_ name: String, _ member: Member, at byte: UInt64) throws(MimoError) {
    guard let slash = name.firstIndex(of: "/"), name.index(after: slash) < name.endIndex else {
      throw failure("the member \(name) lies in no folder", at: byte)
    }
    let folder = String(name[..<slash])
    if members.isEmpty { root = folder }
    guard folder == root else { throw failure("the members lie in two folders, \(root) and \(folder)", at: byte) }
    guard members.updateValue(member, forKey: String(name[name.index(after: slash)...])) == nil else {
      throw failure("the member \(name) occurs twice", at: byte)
    }
  }

  /// Where the data of a member lies in the file, after a look at its local header.
  package func locate(_ name: String, in source: some ByteSource) throws(MimoError) -> (offset: UInt64, member: Member)
  {
    guard let member = members[name] else { throw failure("the archive has no \(name)") }
    let full = Array("\(root)/\(name)".utf8)
    let room = directoryOffset - member.headerOffset
    guard room >= UInt64(30 + full.count) else { throw failure("\(name) has no local header", at: member.headerOffset) }
    let bytes = ZipBytes(try source.bytes(at: offset + member.headerOffset, count: 30 + full.count))
    guard bytes.matches(0, [0x50, 0x4B, 3, 4]), Int(bytes.u16(26)) == full.count, bytes.u16(8) == 0,
      bytes.matches(30, full)
    else { throw failure("the local header of \(name) does not agree with the directory", at: member.headerOffset) }
    let start = UInt64(30 + full.count) + UInt64(bytes.u16(28))
    guard start <= room, member.size <= room - start else {
      throw failure("\(name) reaches beyond the archive", at: member.headerOffset)
    }
    return (offset + member.headerOffset + start, member)
  }

  /// The bytes of a small member, compared with its CRC.
  package func contents(_ name: String, in source: some ByteSource, limit: Int) throws(MimoError) -> [UInt8] {
    let (start, member) = try locate(name, in: source)
    guard member.size <= UInt64(limit) else { throw failure("\(name) has \(member.size) bytes, more than \(limit)") }
    let bytes = try source.bytes(at: start, count: Int(member.size))
    if member.crc32 != 0, member.crc32 != TorchZipItem.crc(bytes) {
      throw MimoError(
        .invalidInput, "\(name) does not have the checksum that the archive states", path: path, byte: start,
        remedy: "The file is damaged; copy it again")
    }
    return bytes
  }
}

/// The last bytes of an archive, up to and with its end record.
private struct Tail {
  private let window: ZipBytes
  private let windowStart: UInt64
  private let archiveOffset: UInt64
  /// Place of the end record in the window.
  let end: Int
  /// Where the end record begins, from the start of the archive.
  var start: UInt64 { windowStart + UInt64(end) }

  private static let usual = 2048
  /// An end record and the longest comment.
  private static let longest = 22 + 65535

  init(_ source: some ByteSource, offset: UInt64, length: UInt64) throws(MimoError) {
    archiveOffset = offset
    for size in [Self.usual, Self.longest] {
      let count = Int(min(length, UInt64(size)))
      let bytes = ZipBytes(try source.bytes(at: offset + length - UInt64(count), count: count))
      if let end = (0...max(count - 22, 0)).reversed().first(where: { bytes.matches($0, [0x50, 0x4B, 5, 6]) }),
        count - end >= 22
      {
        window = bytes
        windowStart = length - UInt64(count)
        self.end = end
        return
      }
    }
    throw MimoError(
      .invalidInput, "this is no torch.save archive: there is no zip end record", path: source.path, byte: offset)
  }

  func u16(_ place: Int) -> UInt16 { window.u16(end + place) }
  func u32(_ place: Int) -> UInt32 { window.u32(end + place) }
  func u64(_ place: Int) -> UInt64 { window.u64(end + place) }
  func matches(_ place: Int, _ text: [UInt8]) -> Bool { window.matches(end + place, text) }

  /// Bytes of the archive, from the window where they are in it.
  func bytes(at start: UInt64, count: Int, from source: some ByteSource) throws(MimoError) -> [UInt8] {
    if start >= windowStart, Int(start - windowStart) + count <= window.count {
      return window.slice(Int(start - windowStart), count)
    }
    return try source.bytes(at: archiveOffset + start, count: count)
  }
}

/// Little endian numbers in a byte array. The caller has checked the range.
private struct ZipBytes {
  private let bytes: [UInt8]
  init(_ bytes: [UInt8]) { self.bytes = bytes }
  var count: Int { bytes.count }

  func u16(_ place: Int) -> UInt16 { UInt16(bytes[place]) | UInt16(bytes[place + 1]) << 8 }
  func u32(_ place: Int) -> UInt32 { UInt32(u16(place)) | UInt32(u16(place + 2)) << 16 }
  func u64(_ place: Int) -> UInt64 { UInt64(u32(place)) | UInt64(u32(place + 4)) << 32 }
  func slice(_ place: Int, _ count: Int) -> [UInt8] { Array(bytes[place..<place + count]) }
  func text(_ place: Int, _ count: Int) -> String? { String(fileText: bytes[place..<place + count]) }
  func matches(_ place: Int, _ expected: [UInt8]) -> Bool {
    guard place >= 0, place + expected.count <= bytes.count else { return false }
    for i in 0..<expected.count where bytes[place + i] != expected[i] { return false }
    return true
  }
}
