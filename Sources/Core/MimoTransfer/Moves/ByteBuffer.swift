import MimoSystem

/// Raw memory that grows when asked for more, owned by one worker.
package struct ByteBuffer: ~Copyable {
  private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)

  package init() {}

  deinit { RawMemory.free(memory) }

  /// At least `count` bytes, aligned for any element and for a page.
  package mutating func reserve(_ count: Int) throws(MimoError) -> UnsafeMutableRawBufferPointer {
    if memory.count < count {
      RawMemory.free(memory)
      memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
      memory = try RawMemory.allocate(max(count, 64))
    }
    return UnsafeMutableRawBufferPointer(rebasing: memory[..<count])
  }
}

#if canImport(Glibc)
  import Glibc
#endif

/// Whether two runs of bytes are the same.
package func memoryIsEqual(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ count: Int) -> Bool { memcmp(a, b, count) == 0 }
