import MimoSystem

/// Files that a run reads, as they were when it first looked at them: sizes and times by which a change is noticed.
package struct SourceSnapshot: Sendable {
  package struct Entry: Sendable, Equatable {
    package var path: String
    package var size: UInt64
    /// Nanoseconds since 1970.
    package var modified: Int64
    /// The same of the last change of anything, times and owner too: nobody sets it.
    package var changed: Int64
    var inode: UInt64
    var device: UInt64

    init(_ path: String, _ info: FileInfo) {
      self.path = path
      size = info.size
      modified = info.modified
      changed = info.changed
      inode = info.inode
      device = info.device
    }
  }

  /// Weights and companions, in the order that was asked for.
  package let entries: [Entry]
  /// Knows what else is read.
  let log: ReadLog

  /// - Parameter log: has looked at some of them already.
  package init(_ paths: [String], _ log: ReadLog) throws(MimoError) {
    self.log = log
    entries = try paths.map { path throws(MimoError) in
      if let first = log.firstLook(at: path) { return Entry(path, first) }
      return Entry(path, try FileSystem.infoFollowingLinks(at: path))
    }
  }

  /// All that was looked at so far, by path; the first look counts.
  var looks: [String: Entry] {
    var looks: [String: Entry] = [:]
    for entry in entries { looks[entry.path] = entry }
    for (path, info) in log.firstLooks { looks[path] = Entry(path, info) }
    return looks
  }

  /// Those of `known` that were touched since, as they are now; throws when one was written to or is another file.
  static func touched(_ known: [Entry]) throws(MimoError) -> [Entry] {
    var touched: [Entry] = []
    for entry in known {
      let now = Entry(entry.path, try FileSystem.infoFollowingLinks(at: entry.path))
      if now == entry { continue }
      var expected = entry
      expected.changed = now.changed
      guard now == expected else { throw changed(entry, now) }
      touched.append(now)
    }
    return touched
  }

  private static func changed(_ entry: Entry, _ now: Entry) -> MimoError {
    let how = now.size == entry.size ? "it was written to or replaced" : "it had \(entry.size) bytes and has \(now.size)"
    return MimoError(.invalidInput, "changed while it was read: \(how)", path: entry.path, remedy: remedy)
  }

  static let remedy = "Let nothing write to the source while it is converted, then run again"
}
