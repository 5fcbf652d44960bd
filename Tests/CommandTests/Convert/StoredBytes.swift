import Foundation
import MimoContainers
import MimoSystem
import Testing

/// One tensor's bytes in a safetensors file, where they lie.
struct StoredBytes {
  private let path: String
  private let range: Range<UInt64>

  init(_ tensor: String, in path: String) throws {
    let header = try SafeTensorsHeader.parse(PosixByteSource(path: path))
    let entry = try #require(header.entries.first { $0.name == tensor }, "\(path) has no \(tensor)")
    self.path = path
    range = entry.range
  }

  func read() throws -> [UInt8] {
    let file = try FileHandle(forReadingFrom: URL(filePath: path))
    defer { try? file.close() }
    try file.seek(toOffset: range.lowerBound)
    return Array(try #require(try file.read(upToCount: range.count)))
  }

  /// Replaces bytes from `offset` on.
  func write(_ bytes: [UInt8], at offset: Int = 0) throws {
    let file = try FileHandle(forUpdating: URL(filePath: path))
    defer { try? file.close() }
    try file.seek(toOffset: range.lowerBound + UInt64(offset))
    try file.write(contentsOf: bytes)
  }
}

/// bf16 by its definition, slowly: what tests hold conversions against.
enum BF16 {
  static func value(_ bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

  /// The nearest one, of two equally near ones the even one; no NaN comes here.
  static func bits(_ value: Float) -> UInt16 {
    let low = UInt16(truncatingIfNeeded: value.bitPattern >> 16)
    let rest = value.bitPattern & 0xFFFF
    if rest == 0x8000 { return low + (low & 1) }
    return rest > 0x8000 ? low + 1 : low
  }

  static func all(in bytes: [UInt8]) -> [UInt16] {
    stride(from: 0, to: bytes.count, by: 2).map { UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8 }
  }
}
