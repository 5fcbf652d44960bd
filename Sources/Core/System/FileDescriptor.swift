import Glibc

/// An open file descriptor; closed exactly once.
package struct FileDescriptor: ~Copyable, Sendable {
  package let raw: CInt

  private init(owning raw: CInt) { self.raw = raw }

  deinit { _ = Glibc.close(raw) }

  /// Opens `path`; never inherited by child processes.
  package static func open(_ path: String, _ flags: CInt, mode: mode_t = 0o666) throws(MimoError) -> FileDescriptor {
    try SystemCalls.check(path: path)
    let raw = try SystemCalls.run(.open, path: path) { Glibc.open(path, flags | O_CLOEXEC, mode) }
    return try taking(raw, path: path)
  }

  /// Takes over a new descriptor. Up to `floor` it is moved to a free number above: where 0, 1 or 2 was closed, a file
  /// must not get that number, for what anybody prints would go into it.
  package static func taking(
    _ raw: CInt, above floor: CInt = STDERR_FILENO, path: String
  ) throws(MimoError) -> FileDescriptor {
    guard raw <= floor else { return FileDescriptor(owning: raw) }
    defer { close(raw) }
    return FileDescriptor(owning: try SystemCalls.run(.fcntl, path: path) { fcntl(raw, F_DUPFD_CLOEXEC, floor + 1) })
  }

  /// Hands the descriptor over to somebody who will close it.
  package consuming func release() -> CInt {
    let raw = raw
    discard self
    return raw
  }
}
