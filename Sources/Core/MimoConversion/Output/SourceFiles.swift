import MimoCheckpoints
import MimoContainers
import MimoSystem

/// The small files of all folders that a conversion reads, checked before any of them is parsed: a damaged config.json would
/// otherwise end in words about anything but that.
package enum SourceFiles {
  /// Throws when a file is not the one that the report beside it lists.
  package static func check(_ request: ConversionRequest) throws(MimoError) {
    guard !request.ignoresReport else { return }
    for path in [request.source] + request.splices.map(\.path) {
      guard let report = try SourceReport(of: path, ignored: false, lists: [.files]) else { continue }
      try report.checkFiles(atRoot + (try iteration(of: path, request)))
    }
    guard let folder = request.configFolder else { return }
    try SourceReport(of: folder, ignored: false, lists: [.files])?.checkFiles(["config.json"])
  }

  private static let atRoot = [
    "config.json", HuggingFaceIndex.fileName, LayoutFile.fileName, "mimo_host/manifest.json", "mimo_host/options.json",
    "mimo_host/files/config.json",
  ]

  /// Those of the iteration that is read.
  private static func iteration(of path: String, _ request: ConversionRequest) throws(MimoError) -> [String] {
    guard let folder = try DistCheckpoint.folder(at: path) else { return [] }
    // An export takes weights alone.
    let training = request.layout == nil ? [] : ["common.pt", "train_state.pt"]
    let name = FileSystem.split(folder).name
    return ([".metadata", "metadata.json"] + training).map { "\(name)/\($0)" }
  }
}
