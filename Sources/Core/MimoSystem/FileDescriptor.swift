import Glibc

/// An open file descriptor; closed exactly once.
package struct FileDescriptor: ~Copyable, Sendable {
  package let raw: CInt

  private init(owning raw: CInt) { self.raw = raw }

  deinit { _ = Glibc.close(raw) }

  /// Opens `path`; never inherited by child processes.
  ///
  /// - Parameter mode: of a file that is made, before the umask; nil for what its folder says.
  package static func open(_ path: String, _ flags: CInt, mode: mode_t? = nil) throws(MimoError) -> FileDescriptor {
    try SystemCalls.check(path: path)
    return try open(Location(path), flags, mode: mode)
  }

  static func open(_ place: Location, _ flags: CInt, mode: mode_t? = nil) throws(MimoError) -> FileDescriptor {
    let raw = try SystemCalls.run(.open, path: place.path, change: { .opened(place.path, $0, flags) }) {
      openat(place.start, place.name, flags | O_CLOEXEC, mode ?? place.modes.file)
    }
    return try taking(raw, path: place.path)
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
