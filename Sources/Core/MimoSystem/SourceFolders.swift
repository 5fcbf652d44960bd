import Glibc
import Synchronization

/// The folders that somebody reads checkpoints from: which symbolic links in them are followed.
///
/// One rule for every format: a link that stays in the folder, and one from a snapshot of the Hugging Face hub's cache to
/// a blob of that cache (`models--*/snapshots/*` -> `models--*/blobs/*`). A conversion copies what it follows: through any
/// other link it would copy any file of its user. Such links are followed where the user says so.
package final class SourceFolders: Sendable {
  private let number: Int

  /// - Parameter followLinks: wherever they lead.
  package init(_ folders: [String], followLinks: Bool) {
    number = SourceFolders.table.withLock { table in
      table.count += 1
      for folder in folders {
        table.entries.append(Entry(number: table.count, folder: folder, followLinks: followLinks))
      }
      return table.count
    }
  }

  deinit { letGo() }

  /// Nothing is read from them any more.
  package func letGo() {
    SourceFolders.table.withLock { table in table.entries.removeAll { $0.number == number } }
  }

  /// Throws for a symbolic link that is not followed; anything else passes.
  ///
  /// - Parameter folder: what the link must stay in where nobody has named the folder that is read; nil for its own.
  package static func check(_ path: String, in folder: String? = nil) throws(MimoError) {
    guard try FileSystem.info(at: path).kind == .symbolicLink else { return }
    let named = entry(holding: path)
    if named?.followLinks == true { return }
    let target = try leading(path)
    let root = try resolved(named?.folder ?? folder ?? FileSystem.split(path).parent)
    if FileSystem.isInside(target, root) { return }
    if let blobs = blobs(of: root), FileSystem.isInside(target, blobs) { return }
    throw MimoError(
      .invalidInput, "is a symbolic link to \(target), which is not in this checkpoint", path: path,
      remedy: "Put the file itself there, or say --follow-links if you know what it leads to")
  }

  /// The same for each folder and file on the way from `folder` to a path inside of it, as far as they exist.
  package static func check(_ path: String, below folder: String) throws(MimoError) {
    var place = folder
    for part in path.split(separator: "/") {
      place = FileSystem.join(place, String(part))
      guard try FileSystem.exists(place) else { return }
      try check(place, in: folder)
    }
  }

  // MARK: -

  private struct Entry {
    var number: Int
    var folder: String
    var followLinks: Bool
  }

  private static let table = Mutex<(count: Int, entries: [Entry])>((0, []))

  /// The innermost folder; where several read it, the one that follows less.
  private static func entry(holding path: String) -> Entry? {
    table.withLock { table in
      var best: Entry?
      for entry in table.entries where FileSystem.isInside(path, entry.folder) {
        let (length, longest) = (entry.folder.utf8.count, best?.folder.utf8.count ?? -1)
        if length > longest || length == longest && !entry.followLinks { best = entry }
      }
      return best
    }
  }

  private static func leading(_ path: String) throws(MimoError) -> String {
    do throws(MimoError) {
      return try resolved(path)
    } catch {
      var error = error
      error.message = "symbolic link leads nowhere (\(error.message))"
      error.remedy = "Finish the download, or remove the link"
      throw error
    }
  }

  /// The path without links, from the root.
  private static func resolved(_ path: String) throws(MimoError) -> String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    let (result, code) = SystemCalls.attempt(.readlink, path: path) { () -> CInt in
      realpath(path, &buffer) == nil ? -1 : 0
    }
    guard result == 0 else { throw SystemCalls.failure(.readlink, code, path: path) }
    let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw MimoError(
        .invalidInput, "leads to a name that is not UTF-8", path: path, remedy: "Rename that file or folder")
    }
    return text
  }

  /// Where the hub's cache keeps the files of a snapshot; nil for what is no snapshot.
  private static func blobs(of root: String) -> String? {
    let parts = root.split(separator: "/", omittingEmptySubsequences: false)
    let place = parts.indices.dropLast(2).last { parts[$0].hasPrefix("models--") && parts[$0 + 1] == "snapshots" }
    return place.map { parts[...$0].joined(separator: "/") + "/blobs" }
  }
}

extension FileSystem {
  /// Whether a path begins with a folder's.
  static func isInside(_ path: String, _ folder: String) -> Bool {
    let slash = UInt8(ascii: "/")
    guard path.utf8.starts(with: folder.utf8) else { return false }
    return folder.utf8.last == slash || path.utf8.dropFirst(folder.utf8.count).first == slash
  }
}
