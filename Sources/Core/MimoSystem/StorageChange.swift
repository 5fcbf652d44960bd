import Glibc

/// A call that changed a folder, a file or what of them is safe on the disk: all that a model needs to say what a lost
/// machine may leave.
///
/// Entries are named by path, contents by inode: a file keeps its inode when it is renamed while it is open.
package enum StorageChange: Sendable {
  /// A file was opened that is made where it is missing; it may have been there.
  case openOrMakeFile(path: String, FileInfo)
  case makeFolder(path: String, FileInfo)
  case write(inode: UInt64, offset: UInt64, bytes: [UInt8])
  case resize(inode: UInt64, size: UInt64)
  /// A file's bytes, or a folder's entries, are safe; `info` as it is by then.
  case sync(SystemCall, path: String, FileInfo)
  case rename(from: String, to: String)
  case removeFile(path: String)
  case removeFolder(path: String)
}

// What a site tells; nil where it changed nothing that can be told.
extension StorageChange {
  static func opened(_ path: String, _ descriptor: CInt, _ flags: CInt) -> StorageChange? {
    guard flags & O_CREAT != 0, let info = info(descriptor) else { return nil }
    return .openOrMakeFile(path: path, info)
  }

  static func madeFolder(_ path: String) -> StorageChange? {
    var record = stat()
    return lstat(path, &record) == 0 ? .makeFolder(path: path, FileInfo(record)) : nil
  }

  static func wrote(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer, at offset: off_t) -> StorageChange? {
    info(descriptor).map { .write(inode: $0.inode, offset: UInt64(offset), bytes: Array(bytes)) }
  }

  /// The bytes of a copy within the kernel are read back.
  static func copied(_ descriptor: CInt, at offset: UInt64, count: Int) -> StorageChange? {
    var bytes = [UInt8](repeating: 0, count: count)
    let read = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, count, off_t(offset)) }
    guard read == count, let info = info(descriptor) else { return nil }
    return .write(inode: info.inode, offset: offset, bytes: bytes)
  }

  static func resized(_ descriptor: CInt, to size: off_t) -> StorageChange? {
    info(descriptor).map { .resize(inode: $0.inode, size: UInt64(size)) }
  }

  static func synced(_ call: SystemCall, _ path: String, _ descriptor: CInt) -> StorageChange? {
    info(descriptor).map { .sync(call, path: path, $0) }
  }

  private static func info(_ descriptor: CInt) -> FileInfo? {
    var record = stat()
    return fstat(descriptor, &record) == 0 ? FileInfo(record) : nil
  }
}
