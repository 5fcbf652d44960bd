import MimoContainers
import MimoSystem
import MimoTransfer

/// The files of a model that are no weights, as far as they go along with it.
package struct TravellingFiles: Sendable {
  /// The folder that they lie in.
  package let folder: String
  package let files: [HuggingFaceFolder.Companion]
  /// Other weights, and files that a pickle loader would open: what is in them runs.
  package let omissions: [Omission]

  /// Looks at the first bytes of each.
  package init(_ companions: [HuggingFaceFolder.Companion], in folder: String) throws(MimoError) {
    self.folder = folder
    var files: [HuggingFaceFolder.Companion] = []
    var omissions: [Omission] = []
    for companion in companions where TravellingFiles.belongs(companion.path) {
      try Interruption.check()
      if let reason = ForeignFiles.reason(companion.path) {
        omissions.append(Omission(name: companion.path, bytes: Int(clamping: companion.size), reason: reason))
        continue
      }
      let path = FileSystem.join(folder, companion.path)
      guard let reason = try PickleLoadable.reason(name: companion.path, at: path) else {
        files.append(companion)
        continue
      }
      omissions.append(Omission(name: companion.path, bytes: Int(clamping: companion.size), reason: "\(reason), and may run code"))
    }
    self.files = files
    self.omissions = omissions
  }

  /// Files that mimo-host itself adds to a folder: they belong to one conversion and do not travel.
  private static func belongs(_ path: String) -> Bool {
    path != ReportFile.name && !path.hasPrefix(TravellingRecord.folderName + "/")
  }

  package var names: [String] { files.map(\.path) }
  package var paths: [String] { names.map { FileSystem.join(folder, $0) } }
  package var bytes: UInt64 { files.reduce(0) { $0 + $1.size } }

  /// What the user should know of them.
  package var notes: [Note] {
    let code = names.filter { $0.hasSuffix(".py") }
    guard let first = code.first else { return [] }
    let others = code.dropFirst()
    let shown = ([first] + others.prefix(4)).joined(separator: ", ") + (others.count > 4 ? ", ..." : "")
    return [
      "\(shown): Python code, which goes along as it is; transformers runs it where trust_remote_code is given"
    ]
  }
}
