import MimoContainers
import MimoJSON
import MimoSystem

/// What an import learned about its source, in a folder of its own beside the weights, so that an export gives the same
/// folder back without the original at hand.
///
/// `mimo_host/manifest.json` holds names, dtypes, files and sizes, `mimo_host/options.json` what the user had to say
/// because the files do not, `mimo_host/files/` the files that are no weights.
package enum TravellingRecord {
  package static let folderName = "mimo_host"
  private static let manifestName = "manifest.json"
  private static let filesName = "files"
  private static let optionsName = "options.json"

  /// A record that was found.
  package struct Found: Sendable {
    package var manifest: SourceManifest
    /// The folder of the files that are no weights.
    package var files: String
    package var config: ModelConfig
    /// How experts lie in the source, where the user had to say it.
    package var expertStorage: String?
  }

  /// Writes the record of `folder` into a checkpoint that is being made.
  ///
  /// - Parameters:
  ///   - travelling: its files that are no weights.
  ///   - leftOut: tied tensors that differed.
  ///   - only: the one component that the checkpoint holds.
  package static func write(
    _ folder: HuggingFaceFolder, _ travelling: TravellingFiles, expertStorage: String?, leftOut: [String],
    only: String? = nil, into output: String
  ) throws(MimoError) {
    var manifest = SourceManifest(folder)
    manifest.leftOut = leftOut
    manifest.companions = travelling.files
    let root = FileSystem.join(output, folderName)
    try FileSystem.createDirectory(root)
    try FileSystem.writeSmallFile(FileSystem.join(root, manifestName), manifest.encoded())
    try writeOptions(expertStorage: expertStorage, only: only, in: root)
    let files = FileSystem.join(root, filesName)
    try FileSystem.createDirectory(files)
    try copy(travelling.names, from: folder.path, to: files)
  }

  /// Writes a record that another checkpoint of the model has; `travelling` lies in its folder of files that are no weights.
  static func copy(
    recordWith travelling: TravellingFiles, expertStorage: String?, only: String?, into output: String
  ) throws(MimoError) {
    let source = FileSystem.split(travelling.folder).parent
    let path = FileSystem.join(source, manifestName)
    let root = FileSystem.join(output, folderName)
    try FileSystem.createDirectory(root)
    if travelling.omissions.isEmpty {
      try copy([manifestName], from: source, to: root)
    } else {
      var manifest = try SourceManifest.decode(try FileSystem.readSmallFile(path, limit: 1 << 30), path: path)
      manifest.companions = travelling.files
      try FileSystem.writeSmallFile(FileSystem.join(root, manifestName), manifest.encoded())
    }
    try writeOptions(expertStorage: expertStorage, only: only, in: root)
    let target = FileSystem.join(root, filesName)
    try FileSystem.createDirectory(target)
    try copy(travelling.names, from: travelling.folder, to: target)
  }

  private static func writeOptions(expertStorage: String?, only: String?, in root: String) throws(MimoError) {
    var options = JSONObject()
    options["expert_storage"] = expertStorage.map { .string($0) } ?? .null
    if let only { options["only"] = .string(only) }
    try FileSystem.writeSmallFile(FileSystem.join(root, optionsName), JSONWriter.write(.object(options)))
  }

  /// Says in a record that was written what became of the model.
  static func replaceConfig(_ config: JSONValue, in output: String) throws(MimoError) {
    let path = FileSystem.join(FileSystem.join(FileSystem.join(output, folderName), filesName), "config.json")
    try FileSystem.removeTree(path)
    try FileSystem.writeSmallFile(path, JSONWriter.write(config, .indented(2)) + [UInt8(ascii: "\n")])
  }

  /// Copies files with their subfolders.
  static func copy(_ paths: [String], from source: String, to destination: String) throws(MimoError) {
    for path in paths {
      let target = FileSystem.join(destination, path)
      try FileSystem.createDirectories(FileSystem.split(target).parent)
      _ = try FileSystem.copyFile(FileSystem.join(source, path), to: target)
    }
  }

  /// The record beside a checkpoint: in its folder, or in the one above when an iteration's folder was named.
  package static func find(beside checkpoint: String) throws(MimoError) -> Found? {
    for folder in [checkpoint, FileSystem.split(checkpoint).parent] {
      if let found = try find(in: folder) { return found }
    }
    return nil
  }

  static func exists(in folder: String) throws(MimoError) -> Bool {
    try FileSystem.exists(FileSystem.join(FileSystem.join(folder, folderName), manifestName))
  }

  /// The one component that a checkpoint holds; nil for all, or when nothing is recorded.
  static func onlyComponent(beside checkpoint: String) throws(MimoError) -> String? {
    for folder in [checkpoint, FileSystem.split(checkpoint).parent] {
      let path = FileSystem.join(FileSystem.join(folder, folderName), optionsName)
      if try FileSystem.exists(path) { return try JSONParser.parse(file: path)["only"]?.string }
    }
    return nil
  }

  /// The record in this folder.
  static func find(in folder: String) throws(MimoError) -> Found? {
    guard try exists(in: folder) else { return nil }
    for name in [manifestName, optionsName, filesName + "/config.json"] {
      try SourceFolders.check(FileSystem.join(folderName, name), below: folder)
    }
    let root = FileSystem.join(folder, folderName)
    let path = FileSystem.join(root, manifestName)
    let manifest = try SourceManifest.decode(try FileSystem.readSmallFile(path, limit: 1 << 30), path: path)
    let files = FileSystem.join(root, filesName)
    // An export copies these files: through a link it would copy any file that its user may read.
    for companion in manifest.companions { try SourceFolders.check(companion.path, below: files) }
    let config = try ModelConfig(path: FileSystem.join(files, "config.json"))
    let options = try JSONParser.parse(file: FileSystem.join(root, optionsName))
    return Found(
      manifest: manifest, files: files, config: config, expertStorage: options["expert_storage"]?.string)
  }
}
