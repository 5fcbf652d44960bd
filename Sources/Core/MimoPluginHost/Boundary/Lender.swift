import PluginABI

/// Keeps texts for a plugin until `describe` returns.
package protocol Lender: AnyObject {
  func lend(_ text: String) -> mimo_string
}

/// Lends from chunks of the heap. No text is an allocation of its own: a plugin that frees one is stopped by libc at once.
package final class HeapLender: Lender {
  private static let chunkSize = 1 << 16
  /// Zeros before each text; where it would be a block of malloc's, they would be its size.
  private static let gap = 16

  private var chunks: [UnsafeMutableRawBufferPointer] = []
  private var used = 0

  package init() {}

  deinit { for chunk in chunks { chunk.deallocate() } }

  package func lend(_ text: String) -> mimo_string {
    var text = text
    return text.withUTF8 { units in
      let place = reserve(units.count)
      place.copyMemory(from: UnsafeRawBufferPointer(units))
      return mimo_string(data: place.baseAddress?.assumingMemoryBound(to: CChar.self), length: units.count)
    }
  }

  private func reserve(_ count: Int) -> UnsafeMutableRawBufferPointer {
    let room = HeapLender.gap + (count + HeapLender.gap - 1) / HeapLender.gap * HeapLender.gap
    if chunks.last.map({ $0.count - used < room }) ?? true {
      let size = max(HeapLender.chunkSize, room)
      chunks.append(.allocate(byteCount: size, alignment: HeapLender.gap))
      chunks[chunks.count - 1].initializeMemory(as: UInt8.self, repeating: 0)
      used = 0
    }
    let start = used + HeapLender.gap
    used += room
    return UnsafeMutableRawBufferPointer(rebasing: chunks[chunks.count - 1][start..<start + count])
  }
}
