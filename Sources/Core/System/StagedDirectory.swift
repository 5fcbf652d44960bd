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
  private var isFinished = false

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
    // An error on the way out has nowhere to go; the work folder's name says whose it was. One that was renamed is gone.
    if !isFinished { try? FileSystem.removeTree(path) }
  }

  /// Refuses a destination that exists, so that a long run does not find out at its end.
  package static func refuseExisting(_ destination: String) throws(MimoError) {
    guard try FileSystem.exists(destination) else { return }
    throw Publication.existing(destination)
  }

  /// Makes the work folder's contents the destination.
  package consuming func publish(replacing: Bool) throws(MimoError) {
    let target = FileSystem.join(parent, FileSystem.split(destination).name)
    try Publication.publish(
      .init(result: path, destination: target, aside: path + ".replaced"), replacing: replacing)
    isFinished = true
  }

  /// Removes the work folder, and says so when that fails.
  package consuming func discard() throws(MimoError) {
    isFinished = true
    try FileSystem.removeTree(path)
  }

  /// The folder in which a destination is to be made is none.
  package static func noParent(_ parent: String) -> MimoError {
    MimoError(.usage, "folder does not exist", path: parent, remedy: "Make it first, or choose another place")
  }
}
