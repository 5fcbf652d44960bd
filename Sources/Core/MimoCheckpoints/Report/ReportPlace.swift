import MimoSystem

/// Where the report of a checkpoint lies.
package struct ReportPlace {
  /// The folder that the report's paths are relative to.
  package let root: String

  package var path: String { FileSystem.join(root, ReportFile.name) }

  /// Looks in the folder itself, and in the one above when it is that of an iteration; nil when there is none.
  package init?(of checkpoint: String) throws(MimoError) {
    let (parent, name) = FileSystem.split(checkpoint)
    let isIteration = name.hasPrefix("iter_") || name == "release"
    if try ReportPlace.hasReport(checkpoint) {
      root = checkpoint
    } else if isIteration, try ReportPlace.hasReport(parent) {
      root = parent
    } else {
      return nil
    }
  }

  private static func hasReport(_ folder: String) throws(MimoError) -> Bool {
    try FileSystem.exists(FileSystem.join(folder, ReportFile.name))
  }

  /// The path of a file relative to the root; nil for one that lies elsewhere.
  package func relative(_ file: String) -> String? {
    guard file.hasPrefix(root) else { return nil }
    let rest = file.dropFirst(root.count)
    guard root.hasSuffix("/") || rest.hasPrefix("/") else { return nil }
    return String(rest.drop { $0 == "/" })
  }
}
