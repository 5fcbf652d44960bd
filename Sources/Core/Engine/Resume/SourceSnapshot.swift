import MimoSystem

/// The files that a run reads, as they are at its start: sizes and times by which a change is noticed.
struct SourceSnapshot: Sendable, Equatable {
  struct Entry: Sendable, Equatable {
    var path: String
    var size: UInt64
    /// Nanoseconds since 1970.
    var modified: Int64
    var inode: UInt64

    init(_ path: String) throws(MimoError) {
      let info = try FileSystem.infoFollowingLinks(at: path)
      self.path = path
      size = info.size
      modified = info.modified
      inode = info.inode
    }
  }

  let entries: [Entry]

  init(_ paths: [String]) throws(MimoError) {
    entries = try paths.map { path throws(MimoError) in try Entry(path) }
  }

  /// Throws when a file is no longer the one that was read.
  func check() throws(MimoError) {
    for entry in entries {
      let now = try Entry(entry.path)
      guard now != entry else { continue }
      let how = now.size == entry.size ? "it was written to or replaced" : "it had \(entry.size) bytes and has \(now.size)"
      throw MimoError(
        .invalidInput, "changed while it was read: \(how)", path: entry.path,
        remedy: "Let nothing write to the source while it is converted, then run again")
    }
  }
}
