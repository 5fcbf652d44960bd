import Foundation
import FuzzTargets
import MimoJSON
import Testing

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

/// The journals of the corpus are what the program of now writes, so that the fuzzer gets beyond their first bytes.
///
/// `MIMO_SEEDS=write swift test --filter JournalSeedTests` makes them again.
@Suite struct JournalSeedTests {
  struct Seed: Sendable, CustomTestStringConvertible {
    var name: String
    var isTaken: Bool
    /// The chunks that its records count as whole.
    var records: [[Int]]
    var testDescription: String { name }

    static let all = [
      Seed(name: "whole", isTaken: true, records: [[0, 1]]),
      Seed(name: "twice", isTaken: false, records: [[0], [1]]),
      Seed(name: "too-many", isTaken: false, records: [[0, 0]]),
    ]

    /// Header and records, each behind a u16 of its length.
    func bytes() throws -> [UInt8] {
      let plan = try FuzzTarget.smallPlan.get()
      let window = 65536
      let unit = try #require(WorkUnit.all(of: plan, windowBytes: window).first)
      let header = JSONWriter.write(.object(["run": RunIdentity().json, "window_bytes": .integer(window)]))
      let records = records.map { chunks in
        var tally = UnitTally()
        tally.bytesRead = 24
        tally.bytesWritten = 24
        tally.chunks = chunks.map { UnitTally.Chunk(chunk: $0, elements: plan.volume(ofChunk: $0)) }
        return UnitRecord(unit, tally).encoded
      }
      return ([header] + records).flatMap { [UInt8($0.count & 255), UInt8($0.count >> 8)] + $0 }
    }
  }

  @Test(arguments: Seed.all) func isWhatTheWriterMakes(_ seed: Seed) throws {
    let made = try seed.bytes()
    if ProcessInfo.processInfo.environment["MIMO_SEEDS"] == "write" {
      try Data(made).write(to: CorpusTests.corpus.appending(path: "journal/\(seed.name)"))
    }
    #expect(try CorpusTests.bytes("journal/\(seed.name)") == made, "MIMO_SEEDS=write swift test --filter JournalSeedTests")
    #expect(try FuzzTarget.journal.accepts(made) == seed.isTaken)
  }
}
