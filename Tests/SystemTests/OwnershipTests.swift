import Glibc
import MimoSystem
import Testing

/// Whose a work folder is before anything in it is continued, written or removed.
@Suite struct OwnershipTests {
  private static let stranger: uid_t = 1234

  /// What lies in a folder, with owners and modes.
  private func contents(_ folder: String) throws -> [String] {
    try FileSystem.list(folder).flatMap { name in
      let path = FileSystem.join(folder, name)
      let info = try FileSystem.info(at: path)
      let line = "\(name) \(info.kind) \(info.owner) \(info.permissions) \(info.links) \(info.size)"
      return info.kind == .directory ? [line] + (try contents(path)) : [line]
    }
  }

  private func expectRefusal(
    _ out: String, in root: String, _ words: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let before = try contents(root)
    let refusal = error { () throws(MimoError) in
      let work = try WorkFolder(for: out)
      try work.checkResult()
    }
    let line = refusal?.description ?? "nothing"
    #expect(line.contains(words) && line.contains(".out.mimo-host-work"), "\(line)", sourceLocation: sourceLocation)
    #expect(try contents(root) == before, sourceLocation: sourceLocation)
  }

  enum Planted: String, Sendable, CaseIterable {
    case emptyFolder, workOfAnotherUser, ownFileInForeignFolder
  }

  @Test(.enabled(if: geteuid() == 0, "needs root: files of another user"), arguments: Planted.allCases)
  func aWorkFolderOfAnotherUserIsNotContinuedOrEmptied(_ planted: Planted) throws {
    let folder = try TemporaryFolder()
    let path = folder(".out.mimo-host-work")
    #expect(mkdir(path, 0o700) == 0)
    if planted != .emptyFolder {
      try FileSystem.createDirectory(path + "/out")
      for name in ["journal", "out/weights"] { try FileSystem.writeSmallFile(path + "/" + name, [1]) }
    }
    let owned = planted == .ownFileInForeignFolder ? [path] : [path, path + "/journal", path + "/out", path + "/out/weights"]
    for one in owned { chown(one, Self.stranger, Self.stranger) }
    try expectRefusal(folder("out"), in: folder.path, "belongs to user 1234, not to user 0")
  }

  @Test(arguments: ["link", "file", "pipe"]) func whatIsNoFolderIsRefused(_ kind: String) throws {
    let folder = try TemporaryFolder()
    let path = folder(".out.mimo-host-work")
    try FileSystem.createDirectory(folder("elsewhere"))
    switch kind {
    case "link": #expect(symlink("elsewhere", path) == 0)
    case "file": try FileSystem.writeSmallFile(path, [1])
    default: #expect(mkfifo(path, 0o600) == 0)
    }
    try expectRefusal(folder("out"), in: folder.path, "is no folder, but a ")
  }

  @Test(arguments: [0o777, 0o770, 0o702] as [mode_t]) func aFolderThatOthersMayWriteToIsRefused(_ mode: mode_t) throws {
    let folder = try TemporaryFolder()
    let path = folder(".out.mimo-host-work")
    #expect(mkdir(path, 0o700) == 0 && chmod(path, mode) == 0)
    try expectRefusal(folder("out"), in: folder.path, "may be written by others (mode \(String(mode, radix: 8)))")
  }

  /// Older versions made it as the umask says; with 022 nobody else could write there.
  @Test func aFolderThatOthersMayLookIntoIsClosedAndContinued() throws {
    let folder = try TemporaryFolder()
    let path = folder(".out.mimo-host-work")
    #expect(mkdir(path, 0o700) == 0 && chmod(path, 0o755) == 0)
    try FileSystem.createDirectory(path + "/out")
    for name in ["journal", "out/weights"] { try FileSystem.writeSmallFile(path + "/" + name, [1]) }
    let work = try WorkFolder(for: folder("out"))
    try work.checkResult()
    #expect(try FileSystem.info(at: path).permissions == 0o700)
    #expect(try work.hasResult() && work.hasRecords())
  }

  enum Flaw: String, Sendable, CaseIterable {
    case journalOfAnother, journalWithTwoNames, journalIsLink, journalIsPipe, journalIsOpen
    case fileOfAnother, fileWithTwoNames, fileIsLink, fileIsOpen, folderOfAnother, folderIsOpen

    var needsRoot: Bool { rawValue.hasSuffix("OfAnother") }
    func words(_ mode: mode_t) -> String {
      if needsRoot { return "belongs to user 1234" }
      if rawValue.hasSuffix("TwoNames") { return "has 2 names" }
      if rawValue.hasSuffix("IsOpen") { return "may be written by others" }
      // A link is not even opened, where nothing else was looked at before.
      return self == .journalIsLink && mode == 0o700 ? "open failed" : "is a s"
    }
  }

  /// In a folder that is ours, and in one that an older version made.
  @Test(arguments: Flaw.allCases, [0o700, 0o755] as [mode_t])
  func whatOthersCanHaveMadeOrChangedIsNotContinued(_ flaw: Flaw, _ mode: mode_t) throws {
    if flaw.needsRoot, geteuid() != 0 { return }
    let folder = try TemporaryFolder()
    let path = folder(".out.mimo-host-work")
    #expect(mkdir(path, 0o700) == 0 && chmod(path, mode) == 0)
    try FileSystem.createDirectory(path + "/out")
    for name in ["journal", "out/weights"] { try FileSystem.writeSmallFile(path + "/" + name, [1]) }
    let victim = path + (flaw.rawValue.hasPrefix("journal") ? "/journal" : flaw.rawValue.hasPrefix("file") ? "/out/weights" : "/out")
    switch flaw {
    case .journalOfAnother, .fileOfAnother, .folderOfAnother: chown(victim, Self.stranger, Self.stranger)
    case .journalWithTwoNames, .fileWithTwoNames: link(victim, folder("elsewhere"))
    case .journalIsOpen, .fileIsOpen: chmod(victim, 0o666)
    case .folderIsOpen: chmod(victim, 0o777)
    case .journalIsLink, .fileIsLink:
      rename(victim, folder("elsewhere"))
      symlink(folder("elsewhere"), victim)
    case .journalIsPipe:
      unlink(victim)
      mkfifo(victim, 0o600)
    }
    // Their modes are the destination's: nothing that they allow is a flaw.
    let before = try contents(folder.path)
    let refusal = error { () throws(MimoError) in
      var modes = OutputModes.unlimited
      (modes.file, modes.folder) = (0o644, 0o755)
      try WorkFolder(for: folder("out"), modes: modes).checkResult()
    }
    #expect(refusal?.description.contains(flaw.words(mode)) == true, "\(flaw): \(String(describing: refusal))")
    #expect(refusal?.path == victim, "\(flaw)")
    #expect(try contents(folder.path) == before)
  }

  /// Files that another user put in their place after the look at them are seen when they are opened.
  @Test func aFileIsLookedAtThroughItsDescriptor() throws {
    let folder = try TemporaryFolder()
    do {
      let work = try WorkFolder(for: folder("out"))
      try work.reset()
      try FileSystem.writeSmallFile(work.result + "/weights", [1])
    }
    let work = try WorkFolder(for: folder("out"))
    try work.checkResult()
    let file = try File.openForUpdating(work.result + "/weights")
    try work.admit(file)
    link(work.result + "/weights", folder("second"))
    #expect(error { () throws(MimoError) in try work.admit(file) }?.message.contains("has 2 names") == true)
  }

  /// Root squash, CIFS and FUSE may show all files as one user's.
  @Test func whereTheFileSystemDoesNotSayWhoseAFileIsTheUserMust() throws {
    let folder = try TemporaryFolder()
    let out = folder("out")
    func open(trusted: Bool) throws(MimoError) -> WorkFolder {
      try WorkFolder(for: out, isTrusted: trusted) { _, _ in Ownership(owner: geteuid(), isKept: false) }
    }
    #expect(try WorkFolder(for: out).note == nil)
    let refusal = error { () throws(MimoError) in _ = try open(trusted: false) }
    #expect(refusal?.description.contains("does not say whose") == true)
    #expect(refusal?.remedy?.contains("--trust-work-folder") == true)
    let work = try open(trusted: true)
    #expect(work.note?.contains("does not say who made what") == true)
  }

  @Test func theProbeSaysWhoWeAreAndLeavesNothing() throws {
    let folder = try TemporaryFolder()
    let ownership = try Ownership.probe(in: folder.path, for: "out")
    #expect(ownership.owner == geteuid() && ownership.isKept)
    #expect(try FileSystem.list(folder.path).isEmpty)
  }
}
