import Foundation
import MimoSystem
import Testing

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

/// When a former OUT goes.
@Suite(.enabled(if: TinyConversion.hasPlugin, "libQwen3VL.so is not built"))
struct OverwriteTests {
  private static func conversion(_ kind: TinyConversion.Kind, in folder: String) throws -> TinyConversion {
    var conversion = try TinyConversion(kind, in: folder)
    conversion.change = { (request: inout ConversionRequest) in request.overwrite = true }
    try conversion.run()
    return conversion
  }

  @Test(arguments: [TinyConversion.Kind.importDist, .importRanks, .export])
  func theFormerFolderGoesOnlyAfterTheNewOneIsInPlace(_ kind: TinyConversion.Kind) throws {
    let folder = try TemporaryFolder()
    let conversion = try Self.conversion(kind, in: folder.path)
    let calls = try FaultTests.record(conversion)
    let published = try #require(calls.lastIndex(of: "rename /out"))
    let removals = calls.indices.filter { calls[$0].hasPrefix("unlink /.out.mimo-host-work/replaced/") }
    #expect(!removals.isEmpty && removals.allSatisfy { $0 > published })
    #expect(calls[published...].contains("fsync "))
    #expect(!calls.contains { $0.hasPrefix("unlink /out") || $0.hasPrefix("pwrite /out") })
  }

  /// A trainer saves, a user takes a note, while a long run is at work.
  @Test(arguments: [TinyConversion.Kind.importRanks, .reshard])
  func whatAppearsInOutMeanwhileIsNotReplaced(_ kind: TinyConversion.Kind) throws {
    let folder = try TemporaryFolder()
    let conversion = try Self.conversion(kind, in: folder.path)
    let before = try conversion.result()
    let (note, work) = (FileSystem.join(conversion.output, "note"), conversion.workFolder)
    let failure = error { () throws(MimoError) in
      try FaultInjection.with({ call, path in
        if call == .pwrite, path.hasPrefix(work), !FileManager.default.fileExists(atPath: note) {
          _ = FileManager.default.createFile(atPath: note, contents: Data("mine".utf8))
        }
        return nil
      }) { () throws(MimoError) in _ = try conversion.run() }
    }
    #expect(failure?.code == .usage && failure?.description.contains("note (not listed)") == true, "\(String(describing: failure))")
    var after = try conversion.result()
    #expect(after.removeValue(forKey: "note") == Array("mine".utf8))
    #expect(after == before)
    try FileSystem.removeFile(note)
    try conversion.run()
    #expect(try conversion.result() == before)
  }
}
