import Glibc

/// An open file descriptor; closed exactly once.
package struct FileDescriptor: ~Copyable, Sendable {
  package let raw: CInt

  /// Takes over an open descriptor.
  package init(owning raw: CInt) { self.raw = raw }

  deinit { _ = Glibc.close(raw) }

  /// Opens `path`; never inherited by child processes.
  package static func open(_ path: String, _ flags: CInt, mode: mode_t = 0o666) throws(MimoError) -> FileDescriptor {
    try SystemCalls.check(path: path)
    let raw = try SystemCalls.run(.open, path: path) { Glibc.open(path, flags | O_CLOEXEC, mode) }
    return FileDescriptor(owning: raw)
  }
}
