import MimoSystem

/// What lies in a folder and its subfolders, hidden entries too; links are not followed.
package struct FileTree {
  package struct Entry {
    /// Inside the folder.
    package var path: String
    package var info: FileInfo
  }

  /// Regular files, sorted by path.
  package private(set) var files: [Entry] = []
  /// Links, special files, and folders with nothing in them.
  package private(set) var others: [Entry] = []

  private static let depthLimit = 64

  package init(_ folder: String) throws(MimoError) {
    _ = try add(folder, prefix: "", depth: 0)
    files.sort { bytewiseLess($0.path, $1.path) }
  }

  /// Whether anything lies there.
  private mutating func add(_ folder: String, prefix: String, depth: Int) throws(MimoError) -> Bool {
    guard depth < FileTree.depthLimit else {
      throw MimoError(.invalidInput, "folders nest deeper than \(FileTree.depthLimit) levels", path: folder)
    }
    let names = try FileSystem.list(folder)
    for name in names {
      let path = FileSystem.join(folder, name)
      let entry = Entry(path: prefix + name, info: try FileSystem.info(at: path))
      switch entry.info.kind {
      case .regular: files.append(entry)
      case .directory:
        if try !add(path, prefix: prefix + name + "/", depth: depth + 1) { others.append(entry) }
      case .symbolicLink, .other: others.append(entry)
      }
    }
    return !names.isEmpty
  }
}
