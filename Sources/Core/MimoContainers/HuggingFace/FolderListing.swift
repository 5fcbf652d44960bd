import MimoSystem

/// The regular files of a folder and its subfolders.
///
/// Links to files count as files (the cache of the Hugging Face hub is made of them), as far as they may be followed; links
/// to folders are not followed, as they may lead back.
struct FolderListing {
  /// Paths inside the folder, sorted.
  var files: [HuggingFaceFolder.Companion] = []
  /// Hidden entries, links to folders and special files.
  var leftOut: [String] = []

  private static let depthLimit = 32

  static func read(_ folder: String) throws(MimoError) -> FolderListing {
    var listing = FolderListing()
    try listing.add(folder, in: folder, prefix: "", depth: 0)
    listing.files.sort { bytewiseLess($0.path, $1.path) }
    return listing
  }

  private mutating func add(_ folder: String, in root: String, prefix: String, depth: Int) throws(MimoError) {
    guard depth < FolderListing.depthLimit else {
      throw MimoError(.invalidInput, "folders nest deeper than \(FolderListing.depthLimit) levels", path: folder)
    }
    for name in try FileSystem.list(folder) {
      let path = FileSystem.join(folder, name)
      let relative = prefix + name
      if name.hasPrefix(".") {
        leftOut.append(relative)
        continue
      }
      switch try FileSystem.info(at: path) {
      case let info where info.kind == .regular:
        files.append(.init(path: relative, size: info.size))
      case let info where info.kind == .directory:
        try add(path, in: root, prefix: relative + "/", depth: depth + 1)
      case let info where info.kind == .symbolicLink:
        try SourceFolders.check(path, in: root)
        let target = try FileSystem.infoFollowingLinks(at: path)
        if target.kind == .regular {
          files.append(.init(path: relative, size: target.size))
        } else {
          leftOut.append(relative)
        }
      default: leftOut.append(relative)
      }
    }
  }
}
