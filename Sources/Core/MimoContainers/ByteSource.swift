import MimoSystem

/// Something whose bytes can be read at any position: an open file, or memory.
package protocol ByteSource: Sendable {
  /// What to call it in errors.
  var path: String { get }
  /// Bytes that it holds.
  var size: UInt64 { get }
  /// Fills `buffer` from `offset` on; an error when the source ends before.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(MimoError)
}

extension ByteSource {
  /// `count` bytes from `offset` on. The range is checked before memory is taken.
  package func bytes(at offset: UInt64, count: Int) throws(MimoError) -> [UInt8] {
    guard count >= 0, offset <= size, UInt64(count) <= size - offset else {
      throw MimoError(
        .invalidInput, "\(count) bytes are wanted but the file has only \(size)", path: path, byte: offset,
        remedy: "The file is cut short or its metadata is wrong")
    }
    try RawMemory.ensure(count)
    var result = [UInt8](repeating: 0, count: count)
    if count == 0 { return result }
    var failure: MimoError?
    result.withUnsafeMutableBytes { buffer in
      do throws(MimoError) { try read(into: buffer, at: offset) } catch { failure = error }
    }
    if let failure { throw failure }
    return result
  }
}

/// A byte source in memory.
package struct MemoryByteSource: ByteSource {
  package let path: String
  package let contents: [UInt8]

  package init(_ contents: [UInt8], path: String = "memory") {
    self.contents = contents
    self.path = path
  }

  package var size: UInt64 { UInt64(contents.count) }

  package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(MimoError) {
    guard offset <= size, UInt64(buffer.count) <= size - offset else {
      throw MimoError(.invalidInput, "read beyond the end", path: path, byte: offset)
    }
    contents.withUnsafeBytes {
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[Int(offset)...].prefix(buffer.count)))
    }
  }
}
