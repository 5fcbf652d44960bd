import Glibc
import MimoSystem

/// A regular file, open for reading as long as this lives.
package final class PosixByteSource: ByteSource {
  package let path: String
  package let size: UInt64
  private let descriptor: Int32

  /// Opens a file; symbolic links, folders and devices are refused.
  package init(path: String) throws(MimoError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else {
      if errno == ELOOP {
        throw MimoError(
          .invalidInput, "this is a symbolic link", path: path,
          remedy: "A checkpoint's files must lie in its folder")
      }
      throw MimoError(.system, "it can not be opened: \(String(cString: strerror(errno)))", path: path, errno: errno)
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size >= 0 else {
      close(descriptor)
      throw MimoError(.invalidInput, "this is not a regular file", path: path)
    }
    self.path = path
    self.descriptor = descriptor
    size = UInt64(status.st_size)
  }

  deinit { close(descriptor) }

  package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(MimoError) {
    var done = 0
    while done < buffer.count, let base = buffer.baseAddress {
      let count = pread(descriptor, base + done, buffer.count - done, off_t(clamping: offset) + off_t(done))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw MimoError(
          .system, "reading failed: \(String(cString: strerror(errno)))", path: path, byte: offset, errno: errno)
      }
      guard count > 0 else { throw MimoError(.invalidInput, "read beyond the end", path: path, byte: offset) }
      done += count
    }
  }
}
