import MimoSystem

/// The local cache of the Hugging Face hub, where downloaded models lie.
///
/// As huggingface_hub lays it out: `FOLDER/refs/REVISION` holds a commit, and `FOLDER/snapshots/COMMIT` the files, which are
/// links to `FOLDER/blobs`.
package struct HubCache: Sendable {
  package let path: String

  package init(path: String) { self.path = path }

  /// The cache that huggingface_hub uses: `HF_HUB_CACHE`, else `HF_HOME/hub`, else `huggingface/hub` in `XDG_CACHE_HOME` or
  /// `~/.cache`.
  ///
  /// - Parameter variable: the value of a variable of the environment; nil where it is not set.
  package init?(_ variable: (String) -> String?) {
    func folder(_ name: String) -> String? { variable(name).flatMap { $0.isEmpty ? nil : $0 } }
    let home = folder("HOME")
    func expanded(_ path: String) -> String {
      guard let home, path == "~" || path.hasPrefix("~/") else { return path }
      return home + path.dropFirst()
    }
    if let cache = folder("HF_HUB_CACHE") ?? folder("HUGGINGFACE_HUB_CACHE") {
      path = expanded(cache)
    } else if let hub = folder("HF_HOME") {
      path = FileSystem.join(expanded(hub), "hub")
    } else if let caches = folder("XDG_CACHE_HOME") ?? home.map({ FileSystem.join($0, ".cache") }) {
      path = FileSystem.join(expanded(caches), "huggingface/hub")
    } else {
      return nil
    }
  }

  /// The folder of a model's files. Throws where the cache has not the model, or not this revision.
  package func snapshot(of name: HubName) throws(MimoError) -> String {
    let folder = FileSystem.join(path, name.folder)
    guard try FileSystem.isDirectory(folder) else {
      throw MimoError(
        .usage, "there is nothing at this path, and no model of this name in the hub's cache \(path)", path: name.model,
        remedy: "Name the folder of a checkpoint, or get the model: \(name.download)")
    }
    let revision = name.revision ?? "main"
    let reference = FileSystem.join(folder, "refs/" + revision)
    let snapshots = FileSystem.join(folder, "snapshots")
    let commit = try FileSystem.exists(reference) ? HubCache.commit(in: reference) : revision
    let snapshot = FileSystem.join(snapshots, commit)
    if commit.utf8.allSatisfy({ $0 != UInt8(ascii: "/") }), try FileSystem.isDirectory(snapshot) { return snapshot }
    let others = try FileSystem.isDirectory(snapshots) ? FileSystem.list(snapshots).sorted() : []
    throw MimoError(
      .usage, "the hub's cache has no revision \(revision) of \(name.model)", path: folder,
      remedy: (others.isEmpty ? "" : "It has \(others.joined(separator: ", ")): write \(name.model)@COMMIT. ")
        + "Or get it: \(name.download)")
  }

  private static func commit(in reference: String) throws(MimoError) -> String {
    let text = String(decoding: try FileSystem.readSmallFile(reference, limit: 1024), as: UTF8.self)
    let commit = String(text.drop(while: \.isWhitespace).prefix { !$0.isWhitespace })
    guard !commit.isEmpty, commit.utf8.allSatisfy({ HubCache.isHexadecimal($0) }) else {
      throw MimoError(.invalidInput, "holds no commit", path: reference, remedy: "Get the model again: hf download")
    }
    return commit
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
  }
}
