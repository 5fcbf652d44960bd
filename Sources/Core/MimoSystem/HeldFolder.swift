import Glibc
import Synchronization

/// A folder that is kept open while work goes on in it: what is done below its path goes through its descriptor, so that
/// renaming it, or a folder above it, leads nowhere else.
package final class HeldFolder: Sendable {
  package let path: String
  /// What files and folders that are made in it are open for.
  let modes: OutputModes
  private let descriptor: FileDescriptor

  /// - Parameter follow: whether the folder itself may be named by a symbolic link.
  package init(_ path: String, modes: OutputModes = .unlimited, follow: Bool) throws(MimoError) {
    descriptor = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY | (follow ? 0 : O_NOFOLLOW))
    self.path = path
    self.modes = modes
    HeldFolder.table.withLock { $0.append(Entry(folder: self, prefix: Array(path.utf8))) }
  }

  deinit { letGo() }

  /// Lets the path lead where it leads.
  package func letGo() {
    let own = ObjectIdentifier(self)
    HeldFolder.table.withLock { $0.removeAll { $0.number == own } }
  }

  package func info() throws(MimoError) -> FileInfo {
    let raw = descriptor.raw
    var record = stat()
    _ = try SystemCalls.run(.fstat, path: path) { fstat(raw, &record) }
    return FileInfo(record)
  }

  package func setPermissions(_ permissions: mode_t) throws(MimoError) {
    let raw = descriptor.raw
    _ = try SystemCalls.run(.fchmod, path: path) { fchmod(raw, permissions) }
  }

  fileprivate var raw: CInt { descriptor.raw }

  // MARK: All that are held

  private struct Entry {
    weak var folder: HeldFolder?
    let number: ObjectIdentifier
    let prefix: [UInt8]

    init(folder: HeldFolder, prefix: [UInt8]) {
      self.folder = folder
      number = ObjectIdentifier(folder)
      self.prefix = prefix
    }

    /// What of a path is left behind this folder: nothing for the folder itself, nil for what lies elsewhere.
    func rest(of path: String.UTF8View) -> Substring.UTF8View? {
      guard path.starts(with: prefix) else { return nil }
      let rest = path.dropFirst(prefix.count)
      let slash = UInt8(ascii: "/")
      guard rest.isEmpty || rest.first == slash || prefix.last == slash else { return nil }
      return rest.drop { $0 == slash }
    }
  }

  private static let table = Mutex<[Entry]>([])

  /// The innermost folder that a path goes through, and what is left of the path.
  fileprivate static func holding(_ path: String, itself: Bool) -> (folder: HeldFolder, rest: String)? {
    table.withLock { entries in
      var best: (folder: HeldFolder, rest: String)?
      for entry in entries {
        guard let rest = entry.rest(of: path.utf8), itself || !rest.isEmpty, let folder = entry.folder,
          entry.prefix.count > best?.folder.path.utf8.count ?? -1
        else { continue }
        best = (folder, String(Substring(rest)))
      }
      return best
    }
  }
}

/// Where the kernel is to look for a path: from a folder that is held, else from where paths always begin.
struct Location {
  /// As messages name it.
  let path: String
  let start: CInt
  let name: String
  /// Keeps `start` open.
  private let folder: HeldFolder?

  /// Of what a path leads to.
  init(_ path: String) { self.init(path, HeldFolder.holding(path, itself: true)) }

  /// Of a name in its folder: what is made, renamed or removed, and links themselves.
  init(entry path: String) { self.init(path, HeldFolder.holding(path, itself: false)) }

  /// Of a name in an open folder.
  init(_ name: String, in folder: borrowing FileDescriptor, path: String) {
    self.path = path
    self.name = name
    start = folder.raw
    self.folder = nil
  }

  private init(_ path: String, _ held: (folder: HeldFolder, rest: String)?) {
    self.path = path
    folder = held?.folder
    start = held?.folder.raw ?? AT_FDCWD
    name = held.map { $0.rest.isEmpty ? "." : $0.rest } ?? path
  }

  /// Whether it is a folder that is held, not what lies in one.
  var isHeldItself: Bool { folder != nil && name == "." }

  /// What is made here is open for no more than this.
  var modes: OutputModes { folder?.modes ?? .unlimited }
}
