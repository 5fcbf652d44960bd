import MimoSystem
import Testing

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

/// Each sync that the program makes is claimed and not made, one at a time: without it some state after a lost machine is
/// none that may be left. Those of which this is not so are listed here, with what else they are for.
@Suite(.enabled(if: TinyConversion.hasPlugin, "libQwen3VL.so is not built"))
struct SyncTests {
  /// A place in the program that syncs, as the log shows it: call, path without its numbers, part of the run.
  struct Site: Hashable, CustomStringConvertible {
    var call: SystemCall
    var path: String
    var part: Part

    var description: String { "\(part): \(call.rawValue) \(path)" }
  }

  enum Part: String {
    case beginning, units, publication
  }

  /// Syncs that no state of the model misses, by story and place.
  ///
  /// - `journal`, at the beginning: what is forgotten must be forgotten before its output goes. In a first run there is
  ///   nothing to forget, but an empty journal is no proof of that: another run may have died before this very sync.
  /// - The folder of OUT and the work folder, at the beginning of a run that forgets another: that one has made their
  ///   entries safe, but the run does not know whether there was one.
  private static let kept: [LostMachine.Story: Set<String>] = [
    .first: ["beginning: fsync .out.mimo-host-work/journal"],
    .overwriting: ["beginning: fsync .out.mimo-host-work/journal"],
    .restarting: ["beginning: fsync ", "beginning: fsync .out.mimo-host-work"],
  ]

  private static let cases: [PowerLossTests.Case] = [
    .init(story: .first, kind: .importDist), .init(story: .first, kind: .importRanks), .init(story: .first, kind: .export),
    .init(story: .first, kind: .reshard), .init(story: .overwriting, kind: .export),
    .init(story: .restarting, kind: .importDist),
  ]

  @Test(.timeLimit(.minutes(60)), arguments: cases)
  func everySyncIsNeededOrHasItsReason(_ given: PowerLossTests.Case) throws {
    let folder = try TemporaryFolder()
    let machine = try LostMachine(given.kind, given.story, in: folder.path)
    // What may be left with all syncs may be left without one.
    var known: Set<Int> = []
    _ = try machine.loseAtCalls(draws: 0, seed: PowerLossTests.seed, known: &known)
    var unneeded: Set<Site> = []
    var needed = 0
    for (index, site) in machine.syncSites {
      var known = known
      let tally = try machine.loseAtCalls(
        draws: PowerLossTests.isFull ? 2 : 0, seed: PowerLossTests.seed + UInt64(index), leavingOut: [index],
        known: &known, stopsAtWrong: true)
      if tally.wrong.isEmpty { unneeded.insert(site) } else { needed += 1 }
    }
    // A site counts as needed when each of its syncs is.
    #expect(needed > 20)
    #expect(Set(unneeded.map(\.description)) == Self.kept[given.story])
  }
}

extension LostMachine {
  /// Positions in the log of all syncs, and what makes them.
  var syncSites: [(index: Int, site: SyncTests.Site)] {
    let units = log.indices.filter { name(log[$0]).hasPrefix("fdatasync") }
    return log.enumerated().compactMap { index, change in
      guard case .sync(let call, _, _) = change else { return nil }
      let path = name(change).drop { $0 != " " }.dropFirst().filter { !$0.isNumber }
      let part: SyncTests.Part =
        index < units.first ?? 0 ? .beginning : index <= units.last ?? 0 ? .units : .publication
      return (index, .init(call: call, path: String(path), part: part))
    }
  }
}
