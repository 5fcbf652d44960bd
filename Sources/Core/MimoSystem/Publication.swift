import Glibc

/// Turns a finished folder into the destination that a user sees: all of it at one moment, durable afterwards.
package enum Publication {
  /// The paths of one publication. `result` and `destination` must lie on one file system.
  struct Places {
    /// The finished folder.
    var result: String
    /// Where it will appear, without a slash at the end.
    var destination: String
    /// Where an existing destination goes meanwhile; must be free.
    var aside: String
  }

  /// Syncs every file and folder inside, moves the folder to the destination and syncs its parent.
  ///
  /// With `replacing` an existing destination is set aside first, brought back when the move fails, and removed last.
  static func publish(_ places: Places, replacing: Bool) throws(MimoError) {
    try syncTree(places.result)
    let parent = FileSystem.split(places.destination).parent
    if replacing, try FileSystem.exists(places.destination) { return try swapIn(places, parent: parent) }
    do throws(MimoError) {
      try FileSystem.renameNoReplace(places.result, to: places.destination)
    } catch {
      throw error.errno == EEXIST ? existing(places.destination) : error
    }
    try FileSystem.syncDirectory(parent)
  }

  /// The folder in which a destination is to be made is none.
  package static func noParent(_ parent: String) -> MimoError {
    MimoError(.usage, "folder does not exist", path: parent, remedy: "Make it first, or choose another place")
  }

  /// The refusal of a destination that was free when the run began.
  static func existing(_ destination: String) -> MimoError {
    MimoError(
      .usage, "exists already: it was not there when this run began", path: destination, remedy: "Move it away",
      errno: EEXIST)
  }

  private static func swapIn(_ places: Places, parent: String) throws(MimoError) {
    try FileSystem.renameNoReplace(places.destination, to: places.aside)
    do throws(MimoError) {
      try FileSystem.renameNoReplace(places.result, to: places.destination)
    } catch {
      do throws(MimoError) {
        try FileSystem.renameNoReplace(places.aside, to: places.destination)
      } catch let second {
        throw MimoError(
          .system, "\(error.message); bringing back what was there failed too (\(second.message))",
          path: places.destination, remedy: "The former contents lie in \(places.aside): rename it back",
          errno: error.errno)
      }
      throw error
    }
    // Only after the new name is safe on disk may the old contents go.
    do throws(MimoError) {
      try FileSystem.syncDirectory(parent)
      try FileSystem.removeTree(places.aside)
    } catch {
      var error = error
      error.remedy = "The new contents are in place; the former ones lie in \(places.aside)"
      throw error
    }
  }

  private static func syncTree(_ path: String) throws(MimoError) {
    for name in try FileSystem.list(path) {
      try Interruption.check()
      let child = FileSystem.join(path, name)
      switch try FileSystem.info(at: child).kind {
      case .regular: try File.openForReading(child).sync()
      case .directory: try syncTree(child)
      case .symbolicLink, .other: continue
      }
    }
    try FileSystem.syncDirectory(path)
  }
}
