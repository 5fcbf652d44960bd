import Glibc

/// Whose a work folder is, and all that is continued in it: "us" is the owner that a file shows which this run has just
/// made beside it.
package struct Ownership: Sendable {
  /// Of a file that this run makes.
  package var owner: uid_t
  /// Whether the file system says who made what. Where it shows everybody's files alike (root squash, CIFS, FUSE), what
  /// others planted looks like ours.
  package var isKept: Bool

  package init(owner: uid_t, isKept: Bool) {
    self.owner = owner
    self.isKept = isKept
  }

  /// Makes a file in a folder, looks at it and removes it.
  package static func probe(in folder: String, for name: String) throws(MimoError) -> Ownership {
    var random = SystemRandomNumberGenerator()
    let path = FileSystem.join(folder, ".\(name)\(suffix)\(String(random.next(), radix: 36))")
    let file = try File.create(path, mode: 0o600)
    do throws(MimoError) {
      let made = try file.info()
      // A mode that no mount option gives to every file.
      try? file.setPermissions(0o500)
      let changed = try file.info()
      try FileSystem.removeFile(path)
      return Ownership(
        owner: made.owner,
        isKept: made.owner == geteuid() && made.permissions & 0o077 == 0 && changed.permissions == 0o500)
    } catch {
      try? FileSystem.removeFile(path)
      throw error
    }
  }

  /// What the name of such a file has after that of OUT.
  package static let suffix = ".mimo-host-probe-"

  /// Throws for anything but a regular file or folder of ours that nobody else can have changed.
  ///
  /// - Parameter allowed: what others may be let do all the same, because a folder around it is closed to them.
  func check(_ info: FileInfo, at path: String, allowed: mode_t = 0) throws(MimoError) {
    switch info.kind {
    case .directory: break
    case .regular: guard info.links == 1 else { throw refusal("has \(info.links) names", path) }
    case .symbolicLink, .other: throw refusal("is a \(info.kind.rawValue)", path)
    }
    guard info.owner == owner else { throw refusal("belongs to user \(info.owner), not to user \(owner)", path) }
    guard isKept, info.permissions & 0o022 & ~allowed != 0 else { return }
    throw refusal("may be written by others (mode \(String(info.permissions, radix: 8)))", path)
  }

  private func refusal(_ what: String, _ path: String) -> MimoError {
    MimoError(
      .usage, "\(what), so the work of a former run is not continued or removed here", path: path,
      remedy: "Remove it if it is yours to remove, or choose another OUT")
  }
}
