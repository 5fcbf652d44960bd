import MimoSystem

/// Where plugins lie that were shipped with the host: beside the executable, or in `../lib`.
package struct PluginFolder: Sendable {
  package let folders: [String]

  /// - Parameter executable: absolute path of the running program.
  package init(executable: String) {
    let folder = executable.split(separator: "/", omittingEmptySubsequences: true).dropLast()
    let beside = "/" + folder.joined(separator: "/")
    let prefix = "/" + folder.dropLast().joined(separator: "/")
    folders = [beside, prefix == "/" ? "/lib" : prefix + "/lib"]
  }

  /// The file that `--plugin` means: a path as it stands, a family name looked up in the folders.
  package func locate(_ nameOrPath: String) throws(MimoError) -> String {
    guard !nameOrPath.isEmpty else {
      throw MimoError(.usage, "--plugin is empty", remedy: "Give a path or the name of a family")
    }
    if nameOrPath.contains("/") || nameOrPath.hasSuffix(".so") { return nameOrPath }
    for folder in folders {
      let path = "\(folder)/lib\(nameOrPath).so"
      if try FileSystem.exists(path) { return path }
    }
    let known = try families().map(\.family)
    throw MimoError(
      .usage, "no plugin lib\(nameOrPath).so in \(folders.joined(separator: " or "))",
      remedy: known.isEmpty ? "Give the path of a plugin" : "There are \(known.joined(separator: ", "))")
  }

  /// Files that are named as plugins are, in order; they were not opened.
  package func families() throws(MimoError) -> [(family: String, path: String)] {
    var found: [String: String] = [:]
    for folder in folders where try FileSystem.isDirectory(folder) {
      for file in try FileSystem.list(folder) where file.hasPrefix("lib") && file.hasSuffix(".so") {
        let family = String(file.dropFirst(3).dropLast(3))
        if found[family] == nil { found[family] = folder + "/" + file }
      }
    }
    return found.sorted { $0.key < $1.key }.map { (family: $0.key, path: $0.value) }
  }
}
