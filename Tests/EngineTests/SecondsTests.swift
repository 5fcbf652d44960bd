import MimoJSON
import MimoSystem
import Synchronization
import Testing

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

@Suite(.enabled(if: TinyConversion.hasPlugin, "libQwen3VL.so is not built"))
struct SecondsTests {
  /// The sync of the report, which comes after all that it says, takes a known time.
  @Test(arguments: [TinyConversion.Kind.importDist, .export, .reshard])
  func whatIsShownCoversTheEndAndTheReportSaysWhatItLeavesOut(_ kind: TinyConversion.Kind) throws {
    let folder = try TemporaryFolder()
    let conversion = try TinyConversion(kind, in: folder.path)
    let run = try conversion.prepared()
    let shown = Mutex<ConversionReport?>(nil)
    try FaultInjection.with({ call, path in
      guard call == .fsync, path.hasSuffix(ReportFile.name) else { return nil }
      let end = MonotonicClock.seconds() + 0.05
      while MonotonicClock.seconds() < end {}
      return nil
    }) { () throws(MimoError) in
      let report = try run()
      shown.withLock { $0 = report }
    }
    let summary = try #require(shown.withLock { $0 }).summary
    let written = try JSONParser.parse(
      FileSystem.readSmallFile(FileSystem.join(conversion.output, ReportFile.name)))
    let all = try #require(summary["seconds"]?.double)
    let part = try #require(written["seconds"]?.double)
    #expect(all > part + 0.045)
    #expect(summary["seconds_cover"]?.string == "all")
    #expect(written["seconds_cover"]?.string == "all but syncing OUT and giving it its name")
  }
}
