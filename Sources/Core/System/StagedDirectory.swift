import Glibc

/// A hidden work folder beside its destination, which becomes the destination as a whole or vanishes.
///
/// Same folder, so the same file system, so one rename publishes it.
package struct StagedDirectory: ~Copyable {
  /// Where the result will appear.
  package let destination: String
  /// The work folder.
  package let path: String
  private let parent: String
  private var isPublished = false

  /// Makes the work folder; the destination's parent must exist.
  package init(for destination: String) throws(MimoError) {
    try SystemCalls.check(path: destination)
    let (parent, name) = FileSystem.split(destination)
    guard !name.isEmpty, name != ".", name != ".." else {
      throw MimoError(.usage, "can not be replaced as a whole", path: destination, remedy: "Name a folder to make")
    }
    guard try FileSystem.isDirectory(parent) else { throw StagedDirectory.noParent(parent) }
    var random = SystemRandomNumberGenerator()
    let suffix = String(random.next(), radix: 36)
    let path = FileSystem.join(parent, ".\(name).mimo-host-\(getpid())-\(suffix)")
    try FileSystem.createDirectory(path)
    self.destination = destination
    self.path = path
    self.parent = parent
  }

  deinit {
    // An error on the way out has nowhere to go; the work folder's name says whose it was.
    if !isPublished { try? FileSystem.removeTree(path) }
  }

  /// Refuses a destination that exists, so that a long run does not find out at its end.
  package static func refuseExisting(_ destination: String) throws(MimoError) {
    guard try FileSystem.exists(destination) else { return }
    throw existing(destination)
  }

  /// Syncs every file and folder inside, moves the work folder to the destination and syncs its parent.
  ///
  /// With `replacing` an existing destination is set aside first, brought back when the move fails, and removed last.
  package consuming func publish(replacing: Bool) throws(MimoError) {
    try StagedDirectory.syncTree(path)
    let exists = try FileSystem.exists(destination)
    if exists && replacing {
      try swapIn()
    } else {
      do throws(MimoError) {
        try FileSystem.renameNoReplace(path, to: FileSystem.join(parent, FileSystem.split(destination).name))
      } catch {
        throw error.errno == EEXIST ? StagedDirectory.existing(destination) : error
      }
      isPublished = true
      try FileSystem.syncDirectory(parent)
    }
  }

  /// Removes the work folder, and says so when that fails.
  package consuming func discard() throws(MimoError) {
    isPublished = true
    try FileSystem.removeTree(path)
  }

  private mutating func swapIn() throws(MimoError) {
    let target = FileSystem.join(parent, FileSystem.split(destination).name)
    let aside = path + ".replaced"
    try FileSystem.renameNoReplace(target, to: aside)
    do throws(MimoError) {
      try FileSystem.renameNoReplace(path, to: target)
    } catch {
      do throws(MimoError) {
        try FileSystem.renameNoReplace(aside, to: target)
      } catch let second {
        throw MimoError(
          .system, "\(error.message); bringing back what was there failed too (\(second.message))", path: destination,
          remedy: "The former contents lie in \(aside): rename it back", errno: error.errno)
      }
      throw error
    }
    isPublished = true
    // Only after the new name is safe on disk may the old contents go.
    do throws(MimoError) {
      try FileSystem.syncDirectory(parent)
      try FileSystem.removeTree(aside)
    } catch {
      var error = error
      error.remedy = "The new contents are in place; the former ones lie in \(aside)"
      throw error
    }
  }

  private static func syncTree(_ path: String) throws(MimoError) {
    for name in try FileSystem.list(path) {
      let child = FileSystem.join(path, name)
      switch try FileSystem.info(at: child).kind {
      case .regular: try File.openForReading(child).sync()
      case .directory: try syncTree(child)
      case .symbolicLink, .other: continue
      }
    }
    try FileSystem.syncDirectory(path)
  }

  /// The folder in which a destination is to be made is none.
  package static func noParent(_ parent: String) -> MimoError {
    MimoError(.usage, "folder does not exist", path: parent, remedy: "Make it first, or choose another place")
  }

  private static func existing(_ destination: String) -> MimoError {
    MimoError(.usage, "exists already", path: destination, remedy: "--overwrite replaces it", errno: EEXIST)
  }
}
