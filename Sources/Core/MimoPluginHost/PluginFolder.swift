import MimoSystem
import PluginABI

/// Where plugins lie that were shipped with the host: beside the executable, or in `../lib/mimo-host`.
package struct PluginFolder: Sendable {
  /// A plugin by its file; none of its code was run.
  package struct Entry: Sendable, Equatable {
    /// As the file's name has it.
    package var family: String
    package var path: String
  }

  package let folders: [String]
  /// Where plugins lay before they had a folder of their own: with libraries of others.
  private let former: String

  /// - Parameter executable: absolute path of the running program.
  package init(executable: String) {
    let folder = executable.split(separator: "/", omittingEmptySubsequences: true).dropLast()
    let prefix = folder.dropLast().map { "/" + $0 }.joined()
    former = prefix + "/lib"
    folders = ["/" + folder.joined(separator: "/"), former + "/mimo-host"]
  }

  /// The file that `--plugin` means: a path as it stands, a family name looked up in the folders.
  package func locate(_ nameOrPath: String) throws(MimoError) -> String {
    guard !nameOrPath.isEmpty else {
      throw MimoError(.usage, "--plugin is empty", remedy: "Give a path or the name of a family")
    }
    if nameOrPath.contains("/") || nameOrPath.hasSuffix(".so") { return nameOrPath }
    let file = "lib\(nameOrPath).so"
    for folder in folders where try FileSystem.exists("\(folder)/\(file)") { return "\(folder)/\(file)" }
    guard try !FileSystem.exists("\(former)/\(file)") else {
      throw MimoError(
        .usage, "plugins are not looked up in \(former) any more", path: "\(former)/\(file)",
        remedy: "Move it to \(former)/mimo-host, or name it by its path")
    }
    let known = try plugins().map(\.family)
    throw MimoError(
      .usage, "no plugin \(file) in \(folders.joined(separator: " or "))",
      remedy: known.isEmpty ? "Give the path of a plugin" : "There are \(known.joined(separator: ", "))")
  }

  /// The libraries in the folders that export a plugin's entry, in order; they are read, not loaded.
  package func plugins() throws(MimoError) -> [Entry] {
    var found: [String: Entry] = [:]
    for folder in folders where try FileSystem.isDirectory(folder) {
      for file in try FileSystem.list(folder) where file.hasPrefix("lib") && file.hasSuffix(".so") {
        let entry = Entry(family: String(file.dropFirst(3).dropLast(3)), path: folder + "/" + file)
        if found[entry.family] == nil, PluginFolder.isPlugin(entry.path) { found[entry.family] = entry }
      }
    }
    return found.values.sorted { $0.family < $1.family }
  }

  /// What can not be read as a library is no plugin; who names it hears why.
  private static func isPlugin(_ path: String) -> Bool {
    (try? LibraryFile(path).exports(MIMO_ENTRY_SYMBOL)) == true
  }
}
