import Glibc

/// Calls of newer kernels that Swift's view of libc lacks, looked up at run time; nil where libc has none.
enum LinuxCalls {
  typealias Renameat2 = @convention(c) (CInt, UnsafePointer<CChar>, CInt, UnsafePointer<CChar>, CUnsignedInt) -> CInt
  typealias CopyFileRange =
    @convention(c) (CInt, UnsafeMutablePointer<off_t>?, CInt, UnsafeMutablePointer<off_t>?, Int, CUnsignedInt) -> Int

  typealias SchedGetaffinity = @convention(c) (pid_t, Int, UnsafeMutableRawPointer) -> CInt

  /// RENAME_NOREPLACE of linux/fs.h.
  static let renameNoReplaceFlag: CUnsignedInt = 1

  static let renameat2 = dlsym(nil, "renameat2").map { unsafeBitCast($0, to: Renameat2.self) }
  static let copyFileRange = dlsym(nil, "copy_file_range").map { unsafeBitCast($0, to: CopyFileRange.self) }
  static let schedGetaffinity = dlsym(nil, "sched_getaffinity").map { unsafeBitCast($0, to: SchedGetaffinity.self) }
}
