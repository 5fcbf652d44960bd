import Glibc

/// Memory whose size comes from a file or an option: where there is not so much, that is an error, not the program's end.
package enum RawMemory {
  /// Where a page begins.
  private static let alignment = 4096

  /// So many bytes, at least one; `free` gives them back.
  package static func allocate(_ count: Int) throws(MimoError) -> UnsafeMutableRawBufferPointer {
    var start: UnsafeMutableRawPointer?
    let code = FaultInjection.failure(of: .memory, path: "") ?? posix_memalign(&start, alignment, max(count, 1))
    guard count >= 0, code == 0, let start else { throw none(left: count) }
    return UnsafeMutableRawBufferPointer(start: start, count: count)
  }

  package static func free(_ memory: UnsafeMutableRawBufferPointer) { Glibc.free(memory.baseAddress) }

  /// Throws where the process could not take so many bytes more: to be asked before arrays of such a size are made, because
  /// Swift ends the program when it gets no memory. Nothing is taken, and no page is touched.
  package static func ensure(_ count: Int) throws(MimoError) {
    guard count > 0 else { return }
    // Not malloc: giving back a large block would change how it treats all later ones.
    guard FaultInjection.failure(of: .memory, path: "") == nil,
      let pages = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), pages != MAP_FAILED
    else { throw none(left: count) }
    munmap(pages, count)
  }

  private static func none(left count: Int) -> MimoError {
    MimoError(
      .system, "there is no memory for \(count) bytes more",
      remedy: "Raise the limit (ulimit -v, or that of the container), or use less --memory and fewer --jobs", errno: ENOMEM)
  }
}
