import Glibc
import MimoSystem

/// Whether a result may be made where the user wants it: nothing that is read may be in its way, and only what can be made
/// again is replaced.
package struct OutputPlace: Sendable {
  private let output: String
  /// Files and folders that a run reads.
  private let inputs: [String]
  private let overwrite: Bool

  package init(_ request: ConversionRequest) {
    output = request.output
    inputs = request.inputs
    overwrite = request.overwrite
  }

  init(_ output: String, inputs: [String], overwrite: Bool) {
    self.output = output
    self.inputs = inputs
    self.overwrite = overwrite
  }

  /// Throws when OUT exists and must not be replaced, or lies in the way of what is read.
  package func check() throws(MimoError) {
    let parent = FileSystem.split(output).parent
    guard try FileSystem.isDirectory(parent) else { throw Publication.noParent(parent) }
    for input in inputs where try FileSystem.exists(input) { try checkApart(from: input, parent: parent) }
    guard try FileSystem.exists(output) else { return }
    guard overwrite else { return try refuseExisting() }
    try checkReplaceable()
  }

  /// Throws when something that must not be replaced lies at OUT by now.
  func checkAgain() throws(MimoError) {
    guard overwrite, try FileSystem.exists(output) else { return }
    try checkReplaceable()
  }

  // MARK: -

  private func checkApart(from input: String, parent: String) throws(MimoError) {
    if try FileSystem.isDirectory(input),
      try OutputPlace.isSame(input, asOneOf: try FileSystem.folders(above: parent))
    {
      throw MimoError(
        .usage, "lies in \(input), which is only read", path: output, remedy: "Choose a place outside of it for OUT")
    }
    guard try FileSystem.isDirectory(output) else { return }
    let folder = try FileSystem.isDirectory(input) ? input : FileSystem.split(input).parent
    guard try OutputPlace.isSame(output, asOneOf: try FileSystem.folders(above: folder)) else { return }
    throw MimoError(
      .usage, "is where \(input) is read from", path: output, remedy: "Choose another place for OUT")
  }

  /// Under whatever names: links and `..` do not make another folder of it.
  private static func isSame(_ path: String, asOneOf folders: [FileInfo]) throws(MimoError) -> Bool {
    let info = try FileSystem.infoFollowingLinks(at: path)
    return folders.contains { $0.inode == info.inode && $0.device == info.device }
  }

  private func refuseExisting() throws(MimoError) {
    // Killed between its last two steps, a run leaves nothing undone.
    try WorkFolder.tidy(after: output)
    guard case .success = capture({ () throws(MimoError) in try checkReplaceable() }) else {
      throw MimoError(
        .usage, "exists already", path: output, remedy: "Remove it first, or choose another OUT", errno: EEXIST)
    }
    throw MimoError(.usage, "exists already", path: output, remedy: "--overwrite replaces it", errno: EEXIST)
  }

  /// A slip in the path must not cost what no command brings back: the folder of a training, of other work, a device.
  private func checkReplaceable() throws(MimoError) {
    let kind = try FileSystem.info(at: output).kind
    guard kind == .directory else {
      throw MimoError(
        .usage, "is a \(kind.rawValue), and --overwrite replaces folders alone", path: output,
        remedy: FormerOutput.remedy(output), errno: EEXIST)
    }
    try FormerOutput(output).check()
  }
}
