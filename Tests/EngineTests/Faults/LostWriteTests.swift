import MimoSystem
import Synchronization
import Testing

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

/// A disk that takes a write and forgets it: what a splice wrote is read again before OUT appears.
@Suite(.enabled(if: TinyConversion.hasPlugin, "libQwen3VL.so is not built"))
struct LostWriteTests {
  @Test(arguments: [TinyConversion.Kind.splice, .spliceFolder])
  func aWriteThatIsLostEndsInAnErrorAndNoOut(_ kind: TinyConversion.Kind) throws {
    let folder = try TemporaryFolder()
    let conversion = try TinyConversion(kind, in: folder.path)
    let isWeights: @Sendable (SystemCall, String) -> Bool = { [work = conversion.workFolder] call, path in
      call == .pwrite && path.hasPrefix(work) && (path.hasSuffix(".distcp") || path.hasSuffix(".safetensors"))
    }
    let total = Counter()
    try FaultInjection.with({ call, path in
      if isWeights(call, path) { total.add(1) }
      return nil
    }) { () throws(MimoError) in _ = try conversion.run() }
    try #require(total.total > 40)
    var readAgain = 0
    for number in stride(from: 1, through: total.total, by: 11) {
      try conversion.clear()
      let counter = Counter()
      let failure = error { () throws(MimoError) in
        try FaultInjection.with({ call, path in
          guard isWeights(call, path) else { return nil }
          counter.add(1)
          return counter.total == number ? .lost : nil
        }) { () throws(MimoError) in _ = try conversion.run() }
      }
      #expect(failure != nil, "write \(number) of \(total.total)")
      #expect(try !FileSystem.exists(conversion.output))
      if failure?.message.contains("was read again with CRC-64") == true { readAgain += 1 }
    }
    // Others are in heads and frames, which no reader takes.
    #expect(readAgain > 3)
  }
}
