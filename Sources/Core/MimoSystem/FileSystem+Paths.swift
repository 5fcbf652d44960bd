extension FileSystem {
  /// Folder and name of a path; trailing slashes do not count. The folder of a bare name is `.`.
  package static func split(_ path: String) -> (parent: String, name: String) {
    var bytes = Array(path.utf8)
    while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else {
      return (".", String(decoding: bytes, as: UTF8.self))
    }
    let name = String(decoding: bytes[(slash + 1)...], as: UTF8.self)
    let parent = String(decoding: bytes[..<slash], as: UTF8.self)
    return (parent.isEmpty ? "/" : parent, name)
  }

  /// `name` inside `folder`.
  package static func join(_ folder: String, _ name: String) -> String {
    folder.utf8.last == UInt8(ascii: "/") ? folder + name : folder + "/" + name
  }

  /// A folder and all those that it lies in, up to the root, as they really lie: links count for what they lead to.
  package static func folders(above folder: String) throws(MimoError) -> [FileInfo] {
    var path = folder
    var found = [try infoFollowingLinks(at: path)]
    while true {
      path = join(path, "..")
      let next = try infoFollowingLinks(at: path)
      // The root is its own parent.
      guard next.inode != found.last?.inode || next.device != found.last?.device else { return found }
      found.append(next)
    }
  }
}
