import Glibc

/// What a run that did not end has left beside its OUT.
package struct Leftover: Sendable {
  package enum State: Sendable, Equatable {
    /// A run is at work in it.
    case inUse
    /// The same command goes on with it.
    case stopped
    /// Nothing goes on with it.
    case dead
    /// Somebody else's, by user number.
    case foreign(uid_t)
    /// The former contents of OUT, where OUT is missing.
    case formerOutput
  }

  package let path: String
  /// What OUT was to be called.
  package let name: String
  package let state: State
  /// Bytes of the disk; nil for what may not be looked into.
  package let bytes: UInt64?
  /// Last change, nanoseconds since 1970.
  package let modified: Int64

  /// Everything that runs have left in a folder. Changes nothing.
  package static func find(in folder: String) throws(MimoError) -> [Leftover] {
    var found: [Leftover] = []
    for entry in try FileSystem.list(folder) {
      guard let name = Name(entry) else { continue }
      do throws(MimoError) {
        found.append(try Leftover(FileSystem.join(folder, entry), name))
      } catch {
        // A run may end while we look.
        guard error.errno == ENOENT else { throw error }
      }
    }
    return found
  }

  /// Whether `remove` may be called.
  package var isRemovable: Bool { state == .stopped || state == .dead }

  /// Removes it. Throws, and removes nothing, when a run has begun in it meanwhile, and when it is not ours.
  ///
  /// What a run set aside while it replaced OUT comes back first, where OUT is missing.
  package func remove() throws(MimoError) {
    guard isRemovable else { throw MimoError(.usage, "is not removed", path: path) }
    let parent = FileSystem.split(path).parent
    guard path.hasSuffix(WorkFolder.suffix) else { return try FileSystem.removeTree(path) }
    try WorkFolder(for: FileSystem.join(parent, name)).remove()
  }

  // MARK: -

  private init(_ path: String, _ name: Name) throws(MimoError) {
    let info = try FileSystem.info(at: path)
    self.path = path
    self.name = name.output
    bytes = try? FileSystem.allocatedBytes(path)
    guard info.owner == geteuid() else {
      modified = info.modified
      state = .foreign(info.owner)
      return
    }
    switch name.kind {
    case .work:
      let journal = FileSystem.join(path, WorkFolder.journalName)
      guard info.kind == .directory, try FileSystem.exists(journal) else {
        modified = info.modified
        state = .dead
        return
      }
      let file = try File.openForUpdating(journal)
      modified = max(info.modified, try file.info().modified)
      state = try !file.lock() ? .inUse : file.size() > 0 ? .stopped : .dead
      file.unlock()
    case .stage(let process):
      modified = info.modified
      state = kill(process, 0) == 0 || errno == EPERM ? .inUse : .dead
    case .aside:
      modified = info.modified
      let output = FileSystem.join(FileSystem.split(path).parent, name.output)
      state = try FileSystem.exists(output) ? .dead : .formerOutput
    case .probe:
      modified = info.modified
      // A run needs it for a moment.
      state = Leftover.now() - modified < 60_000_000_000 ? .inUse : .dead
    }
  }

  /// Nanoseconds since 1970.
  package static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  /// A name that this program or an older version gives.
  private struct Name {
    enum Kind {
      case work, probe, aside
      /// Made by a process until version 1.0.
      case stage(pid_t)
    }

    let output: String
    let kind: Kind

    /// nil for any other name.
    init?(_ name: String) {
      guard name.hasPrefix("."), let mark = name.lastRange(of: ".mimo-host-"), mark.lowerBound > name.startIndex
      else { return nil }
      let output = String(name[name.index(after: name.startIndex)..<mark.lowerBound])
      let rest = name[mark.upperBound...]
      guard !output.isEmpty else { return nil }
      self.output = output
      if rest == "work" {
        kind = .work
      } else if rest.hasPrefix("probe-") {
        kind = .probe
      } else {
        let parts = rest.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let process = pid_t(parts[0]), process > 0 else { return nil }
        kind = parts[1].hasSuffix(".replaced") ? .aside : .stage(process)
      }
    }
  }
}

extension String {
  /// The last place of a text.
  fileprivate func lastRange(of text: String) -> Range<String.Index>? {
    var place = endIndex
    while true {
      if self[place...].hasPrefix(text) { return place..<index(place, offsetBy: text.count) }
      guard place > startIndex else { return nil }
      place = index(before: place)
    }
  }
}
