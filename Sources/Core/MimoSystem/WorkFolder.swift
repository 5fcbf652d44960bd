import Glibc

/// A hidden folder beside a destination in which a long run makes it; it outlives the process, so that the same run can
/// go on in it.
///
/// `.NAME.mimo-host-work/out` becomes the destination in one rename; `journal` beside it says what is done, and its lock
/// keeps a second run out. The folder is ours and closed to others. It and the one around it are held open: nothing
/// goes through a name that somebody else could give to another folder.
package final class WorkFolder: Sendable {
  /// Where the result will appear.
  package let destination: String
  /// The work folder.
  package let path: String
  /// The folder that becomes the destination.
  package let result: String
  /// Open and locked.
  package let journal: File
  /// What the user should know of the file system.
  package let note: String?

  private let parent: HeldFolder
  private let folder: HeldFolder
  private let ownership: Ownership?

  private static let resultName = "out"
  static let journalName = "journal"
  /// What its name has after that of OUT.
  static let suffix = ".mimo-host-work"
  private static let asideName = "replaced"

  /// Opens the work folder of a destination, or makes it; throws when another run is at work in it, and when it is not
  /// ours.
  ///
  /// What a former run left between two renames is put right: either the old destination or the new one stands.
  ///
  /// - Parameters:
  ///   - modes: what others may do with the destination.
  ///   - isTrusted: the user says that a folder is ours where the file system does not.
  ///   - ownership: finds out whose files are that this run makes in a folder.
  package init(
    for destination: String, modes: OutputModes = .unlimited, isTrusted: Bool = false,
    ownership: (_ folder: String, _ name: String) throws(MimoError) -> Ownership = Ownership.probe
  ) throws(MimoError) {
    try SystemCalls.check(path: destination)
    let (parentPath, name) = FileSystem.split(destination)
    guard !name.isEmpty, name != ".", name != ".." else {
      throw MimoError(.usage, "can not be replaced as a whole", path: destination, remedy: "Name a folder to make")
    }
    guard try FileSystem.isDirectory(parentPath) else { throw Publication.noParent(parentPath) }
    parent = try HeldFolder(parentPath, follow: true)
    self.destination = FileSystem.join(parentPath, name)
    path = WorkFolder.path(of: name, in: parentPath)
    result = FileSystem.join(path, WorkFolder.resultName)
    let opened = try WorkFolder.open(path, modes: modes, isTrusted: isTrusted) { () throws(MimoError) in
      try ownership(parentPath, name)
    }
    folder = opened.folder
    journal = opened.journal
    self.ownership = opened.ownership
    note = opened.ownership?.isKept == false ? WorkFolder.unkept : nil
    try restoreAside()
  }

  /// Whether a conversion that was stopped can go on here.
  package func hasRecords() throws(MimoError) -> Bool { try journal.size() > 0 }

  /// Throws when a file of the former run can have been changed by others, and lets them do no more with it than with the
  /// destination.
  package func admit(_ file: File) throws(MimoError) {
    guard let ownership else { return }
    let info = try file.info()
    try ownership.check(info, at: file.path, allowed: folder.modes.file)
    let narrowed = info.permissions & folder.modes.file
    if ownership.isKept, narrowed != info.permissions { try file.setPermissions(narrowed) }
  }

  /// Throws when anything of the former run's result can have been changed by others.
  package func checkResult() throws(MimoError) {
    guard let ownership else { return }
    let allowed = folder.modes.folder | folder.modes.file
    try ownership.check(try FileSystem.info(at: result), at: result, allowed: allowed)
    try WorkFolder.check(result, ownership, allowed: allowed)
  }

  /// Whether a former run's result, or a part of it, lies here.
  package func hasResult() throws(MimoError) -> Bool {
    guard try FileSystem.exists(result) else { return false }
    guard try FileSystem.info(at: result).kind == .directory else {
      throw MimoError(.invalidInput, "is no folder", path: result, remedy: "Remove \(path)")
    }
    return true
  }

  /// Forgets all that former runs did here.
  package func reset() throws(MimoError) {
    try journal.resize(to: 0)
    try journal.sync()
    try FileSystem.removeTree(result)
    try FileSystem.createDirectory(result)
  }

  /// Removes all of the result but these files (paths inside it) and the folders that they lie in.
  package func prune(keeping files: Set<String>) throws(MimoError) {
    _ = try prune(result, prefix: "", keeping: files)
  }

  /// Bytes of the disk that the result takes already.
  package func allocatedBytes() throws(MimoError) -> UInt64 { try FileSystem.allocatedBytes(result) }

  /// Makes the result the destination, durably, and removes the work folder.
  package func publish(replacing: Bool) throws(MimoError) {
    try Publication.publish(
      .init(result: result, destination: destination, aside: FileSystem.join(path, WorkFolder.asideName)),
      replacing: replacing)
    // The destination stands: what is left here is no loss, and the next run to this place tidies up.
    try? remove()
  }

  /// Lets another run go on here.
  package func release() {
    journal.unlock()
    folder.letGo()
  }

  /// Removes what a run that was killed after it had published left behind.
  package static func tidy(after destination: String) throws(MimoError) {
    let (parent, name) = FileSystem.split(destination)
    let path = path(of: name, in: parent)
    guard try FileSystem.exists(path), try !FileSystem.exists(FileSystem.join(path, resultName)) else { return }
    try WorkFolder(for: destination).remove()
  }

  /// Removes the work folder with all that is in it. The journal goes last: while it is there, it is locked.
  package func remove() throws(MimoError) {
    for name in try FileSystem.list(path) where name != WorkFolder.journalName {
      try FileSystem.removeTree(FileSystem.join(path, name))
    }
    try FileSystem.removeFile(journal.path)
    let own = try folder.info()
    release()
    let named = try FileSystem.info(at: path)
    guard named.inode == own.inode, named.device == own.device else { return }
    try FileSystem.removeTree(path)
  }

  /// Whether a replaced destination still lies here.
  package func hasAside() throws(MimoError) -> Bool {
    try FileSystem.exists(FileSystem.join(path, WorkFolder.asideName))
  }

  // MARK: -

  private static func path(of name: String, in parent: String) -> String {
    FileSystem.join(parent, ".\(name)\(suffix)")
  }

  private struct Opened {
    var folder: HeldFolder
    var journal: File
    /// nil for a folder that this run has made.
    var ownership: Ownership?
  }

  /// Makes folder and journal where they are missing, looks at whose they are, and locks the journal.
  private static func open(
    _ path: String, modes: OutputModes, isTrusted: Bool, _ probe: () throws(MimoError) -> Ownership
  ) throws(MimoError) -> Opened {
    // A run that ends removes both: then the lock is one on a file without a name, and everything begins again.
    for _ in 0..<100 {
      let isNew = try FileSystem.makeDirectory(path, mode: 0o700)
      do throws(MimoError) {
        let ownership = try admit(path, isNew: isNew, isTrusted: isTrusted, probe)
        let folder = try HeldFolder(path, modes: modes, follow: false)
        if let journal = try lock(folder, ownership, isNew: isNew) {
          return Opened(folder: folder, journal: journal, ownership: ownership)
        }
        folder.letGo()
      } catch {
        guard error.errno == ENOENT else { throw error }
      }
    }
    throw busy(path)
  }

  /// Looks at a folder before it is opened; nil for one that this run has made, on a file system that says so.
  private static func admit(
    _ path: String, isNew: Bool, isTrusted: Bool, _ probe: () throws(MimoError) -> Ownership
  ) throws(MimoError) -> Ownership? {
    let info = try FileSystem.info(at: path)
    if isNew, info.kind == .directory, info.owner == geteuid(), info.permissions & 0o077 == 0 { return nil }
    let ownership = try probe()
    guard info.kind == .directory else {
      throw MimoError(
        .invalidInput, "is no folder, but a \(info.kind.rawValue)", path: path,
        remedy: "Remove it if it is yours to remove, or choose another OUT")
    }
    try ownership.check(info, at: path)
    guard !ownership.isKept, !isNew, !isTrusted else { return ownership }
    throw MimoError(
      .usage, "is the work folder of a former run, but this file system does not say whose", path: path,
      remedy: "Remove it, or say --trust-work-folder if nobody else can write there")
  }

  /// The journal, locked; nil when a run that ended has just removed it or the folder.
  private static func lock(
    _ folder: HeldFolder, _ ownership: Ownership?, isNew: Bool
  ) throws(MimoError) -> File? {
    let info = try folder.info()
    let known = ownership ?? Ownership(owner: geteuid(), isKept: true)
    try known.check(info, at: folder.path)
    // Older versions let others look into it.
    if known.isKept, info.permissions & 0o077 != 0 {
      try check(folder.path, known, allowed: 0)
      try folder.setPermissions(0o700)
    }
    let name = FileSystem.join(folder.path, journalName)
    let file = try File.openOrCreate(name, mode: 0o600)
    try known.check(try file.info(), at: name)
    guard try lock(file, folder.path) else { throw busy(folder.path) }
    for (name, held) in [(name, try file.info()), (folder.path, info)] {
      guard try FileSystem.exists(name) else { return nil }
      let named = try FileSystem.info(at: name)
      guard named.inode == held.inode, named.device == held.device else { return nil }
    }
    return file
  }

  /// Whoever lists leftovers holds a lock for a moment, to see whether a run does.
  private static func lock(_ file: File, _ path: String) throws(MimoError) -> Bool {
    for _ in 0..<20 {
      if try file.lock() { return true }
      usleep(5000)
    }
    return false
  }

  /// Looks at all that lies in a folder.
  private static func check(_ folder: String, _ ownership: Ownership, allowed: mode_t) throws(MimoError) {
    for name in try FileSystem.list(folder) where name != asideName {
      let path = FileSystem.join(folder, name)
      let info = try FileSystem.info(at: path)
      try ownership.check(info, at: path, allowed: allowed)
      if info.kind == .directory { try check(path, ownership, allowed: allowed) }
    }
  }

  private static let unkept =
    "OUT's file system does not say who made what: nobody else may write beside OUT while it is made"

  private static func busy(_ path: String) -> MimoError {
    MimoError(
      .usage, "another mimo-host is at work here", path: path, remedy: "Wait for it to end, or choose another OUT")
  }

  /// A run that was killed while it replaced its destination: without a new one the old one comes back.
  private func restoreAside() throws(MimoError) {
    let aside = FileSystem.join(path, WorkFolder.asideName)
    guard try FileSystem.exists(aside) else { return }
    if try FileSystem.exists(destination) { return try FileSystem.removeTree(aside) }
    try FileSystem.renameNoReplace(aside, to: destination)
  }

  /// Whether anything is left of a folder.
  private func prune(_ folder: String, prefix: String, keeping files: Set<String>) throws(MimoError) -> Bool {
    var isKept = false
    for name in try FileSystem.list(folder) {
      let child = FileSystem.join(folder, name)
      let isFolder = try FileSystem.info(at: child).kind == .directory
      if isFolder, try prune(child, prefix: prefix + name + "/", keeping: files) {
        isKept = true
      } else if !isFolder, files.contains(prefix + name) {
        isKept = true
      } else {
        try FileSystem.removeTree(child)
      }
    }
    return isKept
  }
}
