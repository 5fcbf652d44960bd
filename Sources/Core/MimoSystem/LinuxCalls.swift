import Glibc

/// Calls of newer kernels that Swift's view of libc lacks, looked up at run time; nil where libc has none.
enum LinuxCalls {
  typealias Renameat2 = @convention(c) (CInt, UnsafePointer<CChar>, CInt, UnsafePointer<CChar>, CUnsignedInt) -> CInt
  typealias CopyFileRange =
    @convention(c) (CInt, UnsafeMutablePointer<off_t>?, CInt, UnsafeMutablePointer<off_t>?, Int, CUnsignedInt) -> Int

  /// prctl is variadic in C; on x86-64 and arm64 its words are passed as those of any other function.
  typealias Prctl = @convention(c) (CInt, UInt, UInt, UInt, UInt) -> CInt
  typealias SchedGetaffinity = @convention(c) (pid_t, Int, UnsafeMutableRawPointer) -> CInt

  typealias Mallopt = @convention(c) (CInt, CInt) -> CInt

  /// M_ARENA_MAX of malloc.h: heaps that threads have apart.
  static let mostHeaps: CInt = -8

  typealias Pwritev2 = @convention(c) (CInt, UnsafePointer<iovec>, CInt, off_t, CInt) -> Int

  /// RWF_DONTCACHE of linux/fs.h: pages that this write puts into the page cache leave it once they are on the disk.
  static let dontCacheFlag: CInt = 0x80

  /// RENAME_NOREPLACE of linux/fs.h.
  static let renameNoReplaceFlag: CUnsignedInt = 1

  typealias Fork = @convention(c) () -> pid_t
  typealias CloseRange = @convention(c) (CUnsignedInt, CUnsignedInt, CInt) -> CInt
  typealias Ppoll = @convention(c) (UnsafeMutablePointer<pollfd>, nfds_t, UnsafePointer<timespec>?, UnsafePointer<sigset_t>?) -> CInt
  /// capget and capset; both arguments are structs of linux/capability.h.
  typealias Capabilities = @convention(c) (UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> CInt

  /// Only where no other thread is: Swift hides it because they are gone in the child, and their locks are not.
  static let fork = dlsym(nil, "fork").map { unsafeBitCast($0, to: Fork.self) }
  static let closeRange = dlsym(nil, "close_range").map { unsafeBitCast($0, to: CloseRange.self) }
  static let ppoll = dlsym(nil, "ppoll").map { unsafeBitCast($0, to: Ppoll.self) }
  static let capget = dlsym(nil, "capget").map { unsafeBitCast($0, to: Capabilities.self) }
  static let capset = dlsym(nil, "capset").map { unsafeBitCast($0, to: Capabilities.self) }
  static let prctl = dlsym(nil, "prctl").map { unsafeBitCast($0, to: Prctl.self) }
  static let mallopt = dlsym(nil, "mallopt").map { unsafeBitCast($0, to: Mallopt.self) }
  static let renameat2 = dlsym(nil, "renameat2").map { unsafeBitCast($0, to: Renameat2.self) }
  static let copyFileRange = dlsym(nil, "copy_file_range").map { unsafeBitCast($0, to: CopyFileRange.self) }
  static let pwritev2 = dlsym(nil, "pwritev2").map { unsafeBitCast($0, to: Pwritev2.self) }
  static let schedGetaffinity = dlsym(nil, "sched_getaffinity").map { unsafeBitCast($0, to: SchedGetaffinity.self) }
}
