import Glibc

/// The system calls that can fail, by name; the points where tests inject faults.
package enum SystemCall: String, Sendable, CaseIterable {
  case open, fstat, lstat, stat, pread, pwrite, ftruncate, fsync, close, mkdir, rename, unlink, rmdir, opendir, readdir
  case statvfs, readlink, fdatasync, flock, fchmod
  case copyFileRange = "copy_file_range"
  // Of a child process; the path is its program's.
  case socketpair, fcntl, poll, send, recv, waitpid
  case posixSpawn = "posix_spawn"
  /// Memory of a size that comes from outside; without a path.
  case memory
  /// A worker's thread; without a path.
  case createThread = "pthread_create"
}

/// Where every system call passes: faults first, EINTR again, and errno turned into an error that says what to do.
enum SystemCalls {
  /// The result of `body`, which returns -1 and sets errno on failure.
  ///
  /// - Parameter change: what a call with this result changed on the disk.
  static func run<Result: SignedInteger>(
    _ call: SystemCall, path: String, byte: UInt64? = nil, change: (Result) -> StorageChange? = { _ in nil },
    _ body: () -> Result
  ) throws(MimoError) -> Result {
    while true {
      let code: CInt
      if let injected = FaultInjection.failure(of: call, path: path) {
        code = injected
      } else {
        let result = StorageRecorder.perform(call, path: path, change: change, body)
        if result != -1 { return result }
        code = errno
      }
      if code != EINTR { throw failure(call, code, path: path, byte: byte) }
    }
  }

  /// As `run`, but for calls whose failure is an answer: errno instead of an error.
  static func attempt<Result: SignedInteger>(
    _ call: SystemCall, path: String, change: (Result) -> StorageChange? = { _ in nil }, _ body: () -> Result
  ) -> (result: Result, errno: CInt) {
    while true {
      if let injected = FaultInjection.failure(of: call, path: path) {
        if injected == EINTR { continue }
        return (-1, injected)
      }
      let result = StorageRecorder.perform(call, path: path, change: change, body)
      if result != -1 { return (result, 0) }
      let code = errno
      if code != EINTR { return (-1, code) }
    }
  }

  static func failure(_ call: SystemCall, _ code: CInt, path: String, byte: UInt64? = nil) -> MimoError {
    MimoError(
      .system, "\(call.rawValue) failed: \(String(cString: strerror(code)))", path: path, byte: byte,
      remedy: remedy(for: code), errno: code)
  }

  /// Refuses what C would cut short: a path with a zero byte in it, or an empty one.
  static func check(path: String) throws(MimoError) {
    if path.isEmpty { throw MimoError(.usage, "empty path", remedy: "Name a file or folder") }
    if path.utf8.contains(0) {
      throw MimoError(
        .invalidInput, "path holds a zero byte", path: path.split(separator: "\0").joined(separator: "\\0"))
    }
  }

  private static func remedy(for code: CInt) -> String? {
    switch code {
    case ENOENT: "Check that the path exists"
    case EACCES, EPERM: "Check the permissions of the file and its folders"
    case ENOSPC: "Free space on that disk, or choose another"
    case EDQUOT: "The quota is used up: free space, or choose another disk"
    case EROFS: "That file system is read-only: choose another place"
    case EMFILE, ENFILE: "Raise the limit of open files (ulimit -n)"
    case EIO, ESTALE: "The disk or network file system failed: check its health, then run again"
    case EEXIST: "Choose another name, or remove what is there"
    case ENOTDIR: "A part of the path is a file, not a folder"
    case ENAMETOOLONG: "Choose a shorter path"
    case ELOOP: "The symbolic links of that path form a circle"
    case EXDEV: "Both paths must lie on one file system"
    case EFBIG: "Raise the limit of file sizes (ulimit -f), or choose a file system that takes such files"
    default: nil
    }
  }
}
