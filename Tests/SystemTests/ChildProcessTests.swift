import Foundation
import MimoSystem
import Testing

/// A program beside this one: what it is given and answers, how it ends, and that nothing of it stays.
struct ChildProcessTests {
  private func run(
    _ script: String, input: [UInt8] = [], timeout: Duration = .seconds(60)
  ) throws -> (outcome: ChildProcess.Outcome, answer: [UInt8]) {
    var answer: [UInt8] = []
    let child = ChildProcess(executable: "/bin/sh", arguments: ["-c", "ulimit -c 0; \(script)"], timeout: timeout)
    let outcome = try child.run(input) { answer += $0 }
    return (outcome, answer)
  }

  @Test func bytesGoThereAndComeBack() throws {
    let input = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let (outcome, answer) = try run("cat >&3", input: input)
    #expect(outcome.end == .exited(0))
    #expect(answer == input)
  }

  @Test func itsWordsAreKeptApart() throws {
    let (outcome, answer) = try run("echo out; echo err >&2; printf answer >&3")
    #expect(String(decoding: answer, as: UTF8.self) == "answer")
    #expect(String(decoding: outcome.printed, as: UTF8.self).split(separator: "\n").sorted() == ["err", "out"])
  }

  static let ends: [(String, ChildProcess.Outcome.End)] = [
    ("exit 0", .exited(0)), ("exit 7", .exited(7)), ("kill -SEGV $$", .signalled(11)), ("kill -KILL $$", .signalled(9)),
  ]

  @Test(arguments: ends) func itsEndIsTold(_ script: String, _ end: ChildProcess.Outcome.End) throws {
    #expect(try run(script).outcome.end == end)
  }

  /// A child that does not read what it is given ends like any other.
  @Test func whatItDoesNotReadIsNoError() throws {
    #expect(try run("exec 0<&-; exit 3", input: [UInt8](repeating: 1, count: 1 << 20)).outcome.end == .exited(3))
  }

  @Test(arguments: [
    "exec sleep 1000", "while true; do :; done", "while true; do echo and so on; done", "exec 3>&-; exec sleep 1000",
  ])
  func theTimeIsBounded(_ script: String) throws {
    let start = MonotonicClock.seconds()
    #expect(try run(script, timeout: .milliseconds(300)).outcome.end == .timedOut)
    #expect(MonotonicClock.seconds() - start < 30)
  }

  @Test func itAndWhatItStartedIsGoneAfterwards() throws {
    let (_, answer) = try run("sleep 1000 & echo $! $$ >&3")
    let numbers = String(decoding: answer, as: UTF8.self).split(whereSeparator: \.isWhitespace).compactMap { Int32($0) }
    try #require(numbers.count == 2)
    // The first is nobody's child any more: whoever adopts it may take a moment to reap it.
    for _ in 0..<1000 where kill(numbers[0], 0) == 0 { usleep(10_000) }
    for number in numbers { #expect(kill(number, 0) == -1 && errno == ESRCH) }
  }

  @Test func aReceiverThatThrowsEndsIt() throws {
    let child = ChildProcess(
      executable: "/bin/sh", arguments: ["-c", "echo x >&3; exec sleep 1000"], timeout: .seconds(600))
    let error = #expect(throws: MimoError.self) {
      try child.run([]) { (_) throws(MimoError) in throw MimoError(.invalidInput, "enough") }
    }
    #expect(error?.message == "enough")
  }
}
