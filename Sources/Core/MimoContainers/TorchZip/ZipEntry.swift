/// One stored member of a zip archive in the layout that torch.save gives it.
///
/// Source: torch 2.15 `caffe2/serialize/inline_container.cc` and its miniz: sizes follow the data in a descriptor, data
/// begins at a multiple of 64 from the start of the archive, and 64-bit fields appear only when a number needs them.
struct ZipEntry {
  static let alignment: UInt64 = 64
  private static let saturated: UInt64 = 0xFFFF_FFFF

  let name: [UInt8]
  /// Bytes of data.
  let size: UInt64
  /// Where the local header begins, from the start of the archive.
  let headerOffset: UInt64
  var crc: UInt32 = 0

  init(_ name: [UInt8], size: UInt64, at headerOffset: UInt64) {
    self.name = name
    self.size = size
    self.headerOffset = headerOffset
  }

  private var isBig: Bool { size >= Self.saturated }
  private var isFar: Bool { headerOffset >= Self.saturated }
  private var localZip64Length: Int { isBig || isFar ? 4 + (isBig ? 16 : 0) + (isFar ? 8 : 0) : 0 }
  private var padding: Int {
    let unpadded = headerOffset + UInt64(30 + name.count + 4 + localZip64Length)
    return Int((Self.alignment - unpadded % Self.alignment) % Self.alignment)
  }
  private var flags: UInt16 { size == 0 ? 0x0800 : 0x0808 }

  /// Where the data begins, from the start of the archive.
  var dataOffset: UInt64 { headerOffset + UInt64(30 + name.count + localZip64Length + 4 + padding) }
  /// Where the next member begins.
  var end: UInt64 { dataOffset + size + (size == 0 ? 0 : isBig || isFar ? 24 : 16) }
  /// Bytes of its central directory entry; the zip64 field there has the same numbers as the local one.
  var centralLength: Int { 46 + name.count + localZip64Length }

  func appendHeader(to out: inout [UInt8]) {
    out.append(contentsOf: [0x50, 0x4B, 3, 4, 0, 0])
    out.appendLittleEndian(flags)
    out.append(contentsOf: Self.zeros.prefix(18))  // method, time, date, crc, both sizes
    out.appendLittleEndian(UInt16(name.count))
    out.appendLittleEndian(UInt16(localZip64Length + 4 + padding))
    out.append(contentsOf: name)
    appendZip64(to: &out, compressed: 0)
    out.append(contentsOf: [0x46, 0x42])
    out.appendLittleEndian(UInt16(padding))
    out.append(contentsOf: Self.fill.prefix(padding))
  }

  func appendDescriptor(to out: inout [UInt8]) {
    if size == 0 { return }
    out.append(contentsOf: [0x50, 0x4B, 7, 8])
    out.appendLittleEndian(crc)
    for _ in 0..<2 {
      if isBig || isFar { out.appendLittleEndian(size) } else { out.appendLittleEndian(UInt32(size)) }
    }
  }

  func appendCentral(to out: inout [UInt8]) {
    out.append(contentsOf: [0x50, 0x4B, 1, 2, 0, 0, 0, 0])
    out.appendLittleEndian(flags)
    out.append(contentsOf: Self.zeros.prefix(6))  // method, time, date
    out.appendLittleEndian(crc)
    let size32 = UInt32(min(size, Self.saturated))
    out.appendLittleEndian(size32)
    out.appendLittleEndian(size32)
    out.appendLittleEndian(UInt16(name.count))
    out.appendLittleEndian(UInt16(localZip64Length))
    out.append(contentsOf: Self.zeros.prefix(10))  // comment, disk, attributes
    out.appendLittleEndian(UInt32(min(headerOffset, Self.saturated)))
    out.append(contentsOf: name)
    appendZip64(to: &out, compressed: size)
  }

  /// The local field leaves the compressed size 0; the central one has it.
  private func appendZip64(to out: inout [UInt8], compressed: UInt64) {
    guard localZip64Length > 0 else { return }
    out.appendLittleEndian(UInt16(1))
    out.appendLittleEndian(UInt16(localZip64Length - 4))
    if isBig {
      out.appendLittleEndian(size)
      out.appendLittleEndian(compressed)
    }
    if isFar { out.appendLittleEndian(headerOffset) }
  }

  private static let zeros = [UInt8](repeating: 0, count: 18)
  private static let fill = [UInt8](repeating: 0x5A, count: 64)

  /// Bytes that follow the central directory.
  static let tailLength = 56 + 20 + 22

  /// Central directory and the three end records, which torch always writes.
  static func appendDirectory(of entries: [ZipEntry], at start: UInt64, to out: inout [UInt8]) {
    let first = out.count
    for entry in entries { entry.appendCentral(to: &out) }
    let length = UInt64(out.count - first)
    let count = UInt64(entries.count)
    out.append(contentsOf: [0x50, 0x4B, 6, 6])
    out.appendLittleEndian(UInt64(44))
    out.appendLittleEndian(UInt16(0x031E))
    out.appendLittleEndian(UInt16(45))
    out.appendLittleEndian(UInt64(0))
    for number in [count, count, length, start] { out.appendLittleEndian(number) }
    out.append(contentsOf: [0x50, 0x4B, 6, 7, 0, 0, 0, 0])
    out.appendLittleEndian(start + length)
    out.append(contentsOf: [1, 0, 0, 0, 0x50, 0x4B, 5, 6, 0, 0, 0, 0])
    for _ in 0..<2 { out.appendLittleEndian(UInt16(min(count, 0xFFFF))) }
    out.appendLittleEndian(UInt32(min(length, saturated)))
    out.appendLittleEndian(UInt32(min(start, saturated)))
    out.appendLittleEndian(UInt16(0))
  }
}

extension [UInt8] {
  @inline(__always)
  mutating func appendLittleEndian(_ value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }
}
