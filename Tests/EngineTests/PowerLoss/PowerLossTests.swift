import Foundation
import MimoSystem
import Testing

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

/// Power is lost at each call of a conversion: whatever the disk kept, a visible OUT is whole, and the same command ends
/// in the right one without doing again what was recorded. The model of the disk is in docs/trust.md.
///
/// MIMO_POWER=full draws more states; any value prints how many.
@Suite(.enabled(if: TinyConversion.hasPlugin, "libQwen3VL.so is not built"))
struct PowerLossTests {
  private static let form = ProcessInfo.processInfo.environment["MIMO_POWER"]
  static let isFull = form == "full"
  static let seed: UInt64 = 20261130

  /// In the short form each call of the first five; of the others every third.
  struct Case: Sendable, CustomStringConvertible {
    var story: LostMachine.Story
    var kind: TinyConversion.Kind
    var jobs = 1
    var stride = 1

    var description: String { "\(kind), \(story), \(jobs) jobs" }
  }

  static let cases = [
    Case(story: .first, kind: .importDist), Case(story: .first, kind: .importRanks), Case(story: .first, kind: .importFSDP),
    Case(story: .first, kind: .export), Case(story: .first, kind: .reshard),
    Case(story: .first, kind: .importDist, jobs: 2, stride: 3), Case(story: .first, kind: .export, jobs: 2, stride: 3),
    Case(story: .stopped, kind: .importDist, stride: 3), Case(story: .stopped, kind: .export, stride: 3),
    Case(story: .stopped, kind: .reshard, stride: 3), Case(story: .overwriting, kind: .importRanks, stride: 3),
    Case(story: .overwriting, kind: .export, stride: 3), Case(story: .restarting, kind: .importDist, stride: 3),
    Case(story: .restarting, kind: .reshard, stride: 3),
  ]

  @Test(.timeLimit(.minutes(60)), arguments: cases)
  func whereverPowerIsLostTheSameCommandMakesOut(_ given: Case) throws {
    let folder = try TemporaryFolder()
    let begin = ContinuousClock().now
    let machine = try LostMachine(given.kind, given.story, jobs: given.jobs, in: folder.path)
    var known: Set<Int> = []
    let tally = try machine.loseAtCalls(
      every: Self.isFull ? 1 : given.stride, draws: Self.isFull ? 5 : 1, seed: Self.seed, known: &known)
    #expect(tally.wrong.isEmpty, "\(tally.wrong.count): \(tally.wrong.prefix(5).joined(separator: "\n"))")
    let outcomes = LostMachine.Outcome.allCases.map { "\(tally.outcomes[$0, default: 0]) \($0.rawValue)" }
    #expect(tally.distinct > 40)
    if Self.form != nil {
      let counts = "\(machine.log.count) | \(tally.states) | \(tally.distinct) | \(outcomes.joined(separator: ", "))"
      let seconds = (ContinuousClock().now - begin).components.seconds
      print("| \(given) | \(counts) | \(tally.wrong.count) | \(seconds) s |")
    }
  }
}
