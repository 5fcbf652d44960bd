import Glibc

/// What the file system says about a path.
package struct FileInfo: Sendable, Equatable {
  package enum Kind: String, Sendable {
    case regular = "regular file"
    case directory = "folder"
    case symbolicLink = "symbolic link"
    case other = "special file"
  }

  package var kind: Kind
  package var size: UInt64
  /// Bytes of the disk that are taken: less than `size` where nothing was written yet.
  package var allocated: UInt64
  /// Last change of the contents, nanoseconds since 1970.
  package var modified: Int64
  /// Last change of anything about it, which no call sets; nanoseconds since 1970.
  package var changed: Int64
  package var inode: UInt64
  package var device: UInt64
  package var owner: uid_t
  /// What its mode lets whom do: the lowest nine bits.
  package var permissions: mode_t
  /// Names that it has.
  package var links: UInt64

  init(_ record: stat) {
    kind =
      switch record.st_mode & S_IFMT {
      case S_IFREG: .regular
      case S_IFDIR: .directory
      case S_IFLNK: .symbolicLink
      default: .other
      }
    size = UInt64(clamping: record.st_size)
    // POSIX leaves the unit open; on Linux it is always 512 bytes.
    allocated = UInt64(clamping: record.st_blocks).multipliedReportingOverflow(by: 512).partialValue
    modified = FileInfo.nanoseconds(record.st_mtim)
    changed = FileInfo.nanoseconds(record.st_ctim)
    inode = UInt64(record.st_ino)
    device = UInt64(record.st_dev)
    owner = record.st_uid
    permissions = record.st_mode & 0o777
    links = UInt64(record.st_nlink)
  }

  private static func nanoseconds(_ time: timespec) -> Int64 {
    let (scaled, _) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
    return scaled &+ Int64(time.tv_nsec)
  }
}
