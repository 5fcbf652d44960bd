import Glibc
import MimoSystem
import Testing

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

/// Who owns what a conversion goes on with, and who may read what it makes.
@Suite(.enabled(if: TinyConversion.hasPlugin, "libQwen3VL.so is not built"))
struct WorkFolderOwnerTests {
  private func tree(_ folder: String) throws -> [String] {
    try FileSystem.list(folder).flatMap { name in
      let path = FileSystem.join(folder, name)
      return try FileSystem.info(at: path).kind == .directory ? [path] + tree(path) : [path]
    }
  }

  @Test(.enabled(if: geteuid() == 0, "needs root: files of another user"), arguments: ["all", "out", "weights", "journal"])
  func aWorkFolderOfAnotherUserIsNotContinued(_ part: String) throws {
    let folder = try TemporaryFolder()
    let conversion = try TinyConversion(.importDist, in: folder.path)
    _ = try ResumeTests.stop(conversion)
    let work = conversion.workFolder
    let paths = [work] + (try tree(work))
    let foreign = paths.filter { path in
      part == "all" || (part == "weights" && path.hasSuffix(".distcp")) || path == FileSystem.join(work, part)
    }
    for path in foreign { chown(path, 1234, 1234) }
    let refusal = error { () throws(MimoError) in _ = try conversion.run() }
    #expect(refusal?.code == .usage && refusal?.message.contains("belongs to user 1234") == true, "\(String(describing: refusal))")
    #expect(refusal?.path == foreign.first)
    #expect(try [work] + tree(work) == paths, "it stays as it was")
    #expect(try !FileSystem.exists(conversion.output))
    for path in foreign { chown(path, 0, 0) }
    #expect(try conversion.run().bytesResumed > 0)
  }

  /// Sources' modes -> those of the weights and of all that is made, with umask 022.
  static let modes: [(weights: mode_t, companion: mode_t, folder: mode_t)] = [
    (0o600, 0o644, 0o755), (0o640, 0o600, 0o750), (0o644, 0o644, 0o700), (0o444, 0o440, 0o755), (0o755, 0o711, 0o755),
  ]

  @Test(arguments: TinyConversion.Kind.allCases) func whatIsMadeIsAsClosedAsWhatItIsMadeFrom(_ kind: TinyConversion.Kind) throws {
    for (weights, companion, root) in Self.modes {
      let folder = try TemporaryFolder()
      let conversion = try TinyConversion(kind, in: folder.path)
      let record = FileSystem.join(conversion.source, "mimo_host/files")
      let companions = try FileSystem.exists(record) ? record : conversion.source
      try FileSystem.writeSmallFile(FileSystem.join(companions, "tokenizer.json"), [1])
      if companions == record { try Self.addCompanion(to: conversion.source) }
      for path in try conversion.weightFiles() + conversion.donors() { chmod(path, weights) }
      for path in try conversion.weightFiles() { chmod(FileSystem.split(path).parent, root) }
      chmod(FileSystem.join(companions, "tokenizer.json"), companion)
      // What the run reads besides, and what it is in, is open.
      try conversion.run()
      let (file, shut) = ((weights & 0o644) | 0o600, (root & 0o755) | 0o700)
      for path in [conversion.output] + (try tree(conversion.output)) {
        let info = try FileSystem.info(at: path)
        let isCopy = path.hasSuffix("/tokenizer.json") || path.hasSuffix("manifest.json") && kind != .importDist
        switch info.kind {
        case .directory: #expect(info.permissions == shut, "\(path)")
        case _ where path.hasSuffix("/tokenizer.json"): #expect(info.permissions == (companion & 0o644) | 0o600, "\(path)")
        case _ where isCopy || path.hasSuffix("/config.json"): continue
        default: #expect(info.permissions == file, "\(path)")
        }
      }
      #expect(try !tree(conversion.output).filter { $0.hasSuffix("/tokenizer.json") }.isEmpty)
    }
  }

  private static func addCompanion(to source: String) throws {
    let path = FileSystem.join(source, "mimo_host/manifest.json")
    var text = String(decoding: try FileSystem.readSmallFile(path), as: UTF8.self)
    let place = try #require(text.range(of: "\"companions\": [") ?? text.range(of: "\"companions\":["))
    text.insert(contentsOf: #"{"path": "tokenizer.json", "size": 1},"#, at: place.upperBound)
    try FileSystem.removeFile(path)
    try FileSystem.writeSmallFile(path, Array(text.utf8))
  }
}
