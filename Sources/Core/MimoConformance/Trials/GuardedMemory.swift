import Glibc

/// Bytes behind which memory ends: reading or writing one byte too many is a crash, not luck.
final class GuardedMemory {
  let start: UnsafeMutableRawPointer
  private let pages: UnsafeMutableRawPointer
  private let length: Int

  /// nil when the system has no memory.
  ///
  /// - Parameter alignment: of the start, a power of two; then up to `alignment - 1` bytes follow that may be read.
  init?(_ bytes: UnsafeRawBufferPointer, alignment: Int = 1) {
    let page = sysconf(CInt(_SC_PAGESIZE))
    let padded = (bytes.count + alignment - 1) & ~(alignment - 1)
    let body = (max(padded, 1) + page - 1) / page * page
    length = body + page
    guard let pages = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), pages != MAP_FAILED
    else { return nil }
    self.pages = pages
    start = pages + body - padded
    bytes.baseAddress.map { start.copyMemory(from: $0, byteCount: bytes.count) }
    mprotect(pages + body, page, PROT_NONE)
  }

  deinit { munmap(pages, length) }
}
