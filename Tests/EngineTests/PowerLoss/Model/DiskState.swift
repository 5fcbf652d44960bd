import Foundation
import Glibc
import MimoSystem

/// What lies in a folder: paths inside of it, and what they lead to.
struct DiskState: Hashable {
  struct File: Hashable {
    var bytes: [UInt8]
    /// nil: of no meaning.
    var modified: Int64?
  }

  var folders: Set<String> = []
  var files: [String: File] = [:]

  /// Makes it of a folder, but for entries that stay as they are.
  func restore(in root: String, untouched: Set<String>) throws {
    for name in try FileSystem.list(root) where !untouched.contains(name) {
      try FileSystem.removeTree(FileSystem.join(root, name))
    }
    for folder in folders.sorted() { try FileSystem.createDirectory(FileSystem.join(root, folder)) }
    for (name, file) in files {
      let path = FileSystem.join(root, name)
      try Data(file.bytes).write(to: URL(filePath: path))
      guard let modified = file.modified else { continue }
      let time = timespec(tv_sec: Int(modified / 1_000_000_000), tv_nsec: Int(modified % 1_000_000_000))
      utimensat(AT_FDCWD, path, [time, time], 0)
    }
  }

  /// A number for it that another state does not have, but for chance.
  var fingerprint: Int {
    var hasher = Hasher()
    for folder in folders.sorted() { hasher.combine(folder) }
    for (path, file) in files.sorted(by: { $0.key < $1.key }) {
      hasher.combine(path)
      file.bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
      hasher.combine(file.modified)
    }
    return hasher.finalize()
  }

  /// The same paths with the same bytes.
  func isSame(as other: DiskState) -> Bool {
    folders == other.folders && files.mapValues(\.bytes) == other.files.mapValues(\.bytes)
  }
}
