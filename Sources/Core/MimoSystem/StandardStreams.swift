import Glibc

/// Descriptors 0, 1 and 2 of the process.
package enum StandardStreams {
  /// Opens those that are closed, for reading nothing alone: no file gets their numbers, and writing to them fails as it
  /// did. False where even that is impossible. To be called before anything else is opened.
  package static func keepOpen() -> Bool {
    for descriptor in STDIN_FILENO...STDERR_FILENO {
      guard fcntl(descriptor, F_GETFD) == -1 else { continue }
      // The lowest free number is this one.
      var opened = open("/dev/null", O_RDONLY)
      if opened == -1 { opened = open("/", O_RDONLY | O_DIRECTORY) }
      guard opened == descriptor else { return false }
    }
    return true
  }

  /// Whether a descriptor is open and takes what is written.
  package static func isWritable(_ descriptor: CInt) -> Bool {
    let flags = fcntl(descriptor, F_GETFL)
    return flags != -1 && flags & O_ACCMODE != O_RDONLY
  }
}
