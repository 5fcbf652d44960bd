import Glibc

/// A hidden folder beside a destination in which a long run makes it; it outlives the process, so that the same run can
/// go on in it.
///
/// `.NAME.mimo-host-work/out` becomes the destination in one rename; `journal` beside it says what is done, and its lock
/// keeps a second run out.
package final class WorkFolder: Sendable {
  /// Where the result will appear.
  package let destination: String
  /// The work folder.
  package let path: String
  /// The folder that becomes the destination.
  package let result: String
  /// Open and locked.
  package let journal: File

  private static let resultName = "out"
  private static let journalName = "journal"
  private static let asideName = "replaced"

  /// Opens the work folder of a destination, or makes it; throws when another run is at work in it.
  ///
  /// What a former run left between two renames is put right: either the old destination or the new one stands.
  package init(for destination: String) throws(MimoError) {
    try SystemCalls.check(path: destination)
    let (parent, name) = FileSystem.split(destination)
    guard !name.isEmpty, name != ".", name != ".." else {
      throw MimoError(.usage, "can not be replaced as a whole", path: destination, remedy: "Name a folder to make")
    }
    guard try FileSystem.isDirectory(parent) else { throw StagedDirectory.noParent(parent) }
    self.destination = FileSystem.join(parent, name)
    path = WorkFolder.path(of: name, in: parent)
    result = FileSystem.join(path, WorkFolder.resultName)
    journal = try WorkFolder.lock(path)
    try restoreAside()
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
  package func allocatedBytes() throws(MimoError) -> UInt64 { try WorkFolder.allocatedBytes(result) }

  /// Makes the result the destination, durably, and removes the work folder.
  package func publish(replacing: Bool) throws(MimoError) {
    try Publication.publish(
      .init(result: result, destination: destination, aside: FileSystem.join(path, WorkFolder.asideName)),
      replacing: replacing)
    // The destination stands: what is left here is no loss, and the next run to this place tidies up.
    try? remove()
  }

  /// Lets another run go on here.
  package func release() { journal.unlock() }

  /// Removes what a run that was killed after it had published left behind; whether there was anything.
  @discardableResult
  package static func tidy(after destination: String) throws(MimoError) -> Bool {
    let (parent, name) = FileSystem.split(destination)
    let path = path(of: name, in: parent)
    guard try FileSystem.exists(path), try !FileSystem.exists(FileSystem.join(path, resultName)) else { return false }
    try WorkFolder(for: destination).remove()
    return true
  }

  /// Removes the work folder with all that is in it. The journal goes last: while it is there, it is locked.
  package func remove() throws(MimoError) {
    for name in try FileSystem.list(path) where name != WorkFolder.journalName {
      try FileSystem.removeTree(FileSystem.join(path, name))
    }
    try FileSystem.removeFile(journal.path)
    release()
    try FileSystem.removeTree(path)
  }

  /// Whether a replaced destination still lies here.
  package func hasAside() throws(MimoError) -> Bool {
    try FileSystem.exists(FileSystem.join(path, WorkFolder.asideName))
  }

  // MARK: -

  private static func path(of name: String, in parent: String) -> String {
    FileSystem.join(parent, ".\(name).mimo-host-work")
  }

  /// Makes folder and journal where they are missing, and locks the journal.
  private static func lock(_ path: String) throws(MimoError) -> File {
    // A run that ends removes both: then the lock is one on a file without a name, and everything begins again.
    for _ in 0..<100 {
      try FileSystem.createDirectories(path)
      guard try FileSystem.info(at: path).kind == .directory else {
        throw MimoError(.invalidInput, "is no folder", path: path, remedy: "Remove it")
      }
      let name = FileSystem.join(path, journalName)
      let file: File
      do throws(MimoError) {
        file = try File.openOrCreate(name)
      } catch {
        guard error.errno == ENOENT else { throw error }
        continue
      }
      guard try file.lock() else { throw busy(path) }
      guard try FileSystem.exists(name) else { continue }
      let (named, locked) = (try FileSystem.info(at: name), try file.info())
      guard locked.kind == .regular else {
        throw MimoError(.invalidInput, "is a \(locked.kind.rawValue)", path: name, remedy: "Remove \(path)")
      }
      if named.inode == locked.inode, named.device == locked.device { return file }
    }
    throw busy(path)
  }

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

  private static func allocatedBytes(_ folder: String) throws(MimoError) -> UInt64 {
    var sum: UInt64 = 0
    for name in try FileSystem.list(folder) {
      let child = FileSystem.join(folder, name)
      let info = try FileSystem.info(at: child)
      sum = sum.addingReportingOverflow(info.kind == .directory ? try allocatedBytes(child) : info.allocated).partialValue
    }
    return sum
  }
}
