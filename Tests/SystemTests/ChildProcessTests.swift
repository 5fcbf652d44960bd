import Foundation
import MimoSystem
import Synchronization
import Testing

/// A program beside this one: what it is given and answers, how it ends, and that nothing of it stays.
@Suite(.serialized) struct ChildProcessTests {
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

  /// Runs a program of the test's own, for faults are those of one path. Its number is known before the first fault
  /// that comes after it was started.
  private func faulted(
    _ script: String, _ fault: @escaping @Sendable (SystemCall) -> FaultInjection.Fault?
  ) throws -> (error: MimoError?, outcome: ChildProcess.Outcome?, child: pid_t?) {
    let folder = try TemporaryFolder()
    let (program, number) = (folder("program"), folder("number"))
    let lines = ["echo $$ > \(number).new", "mv \(number).new \(number)", script]
    // A name of its own for the shell. A program written here could still be open for writing in a process that another
    // test is starting: ETXTBSY.
    symlink("/bin/sh", program)
    var outcome: ChildProcess.Outcome?
    let failure = error { () throws(MimoError) in
      outcome = try FaultInjection.with({ call, path in
        guard path == program, let fault = fault(call) else { return nil }
        if ![.socketpair, .posixSpawn].contains(call) { for _ in 0..<3000 where access(number, F_OK) != 0 { usleep(10_000) } }
        return fault
      }) { () throws(MimoError) in
        try ChildProcess(executable: program, arguments: ["-c", lines.joined(separator: "\n")], timeout: .seconds(60)).run([1, 2, 3]) { _ in }
      }
    }
    let text = (try? FileSystem.readSmallFile(number)).map { String(decoding: $0, as: UTF8.self) }
    return (failure, outcome, text.flatMap { pid_t($0.filter(\.isNumber)) })
  }

  static let faults: [(SystemCall, Int32)] = [
    (.socketpair, EMFILE), (.socketpair, ENOMEM), (.posixSpawn, EAGAIN), (.posixSpawn, ENOENT), (.poll, ENOMEM),
    (.send, ENOBUFS), (.recv, ENOMEM), (.waitid, EINVAL),
  ]

  /// One error that names call and program, and the child, had it come so far, is gone.
  @Test(arguments: faults) func aCallThatFailsIsOneErrorAndLeavesNoChild(_ call: SystemCall, _ code: Int32) throws {
    let (failure, _, child) = try faulted("echo x >&3; exec sleep 1000") { $0 == call ? .failure(code) : nil }
    let error = try #require(failure)
    #expect(error.code == .system && error.errno == code && error.path?.hasSuffix("/program") == true)
    let name = call == .posixSpawn ? "could not be started" : "\(call.rawValue) failed"
    #expect(error.description.contains(name) && error.description.contains(String(cString: strerror(code))), "\(error)")
    #expect((child == nil) == [.socketpair, .posixSpawn].contains(call))
    // A child that was ended but not waited for would still be there.
    if let child { #expect(kill(child, 0) == -1 && errno == ESRCH) }
  }

  /// Other tests of this process may have sockets open too, but not hundreds.
  @Test(arguments: [(SystemCall.socketpair, 3), (.posixSpawn, 1)])
  func aCallThatFailsLeavesNothingOpen(_ call: SystemCall, turn: Int) throws {
    func sockets() throws -> Int {
      let numbers = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
      let links = numbers.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)") }
      return links.filter { $0.hasPrefix("socket:") }.count
    }
    let before = try sockets()
    for _ in 0..<100 {
      let calls = Mutex(0)
      let (failure, _, _) = try faulted("") { asked in
        asked == call && calls.withLock { calls in calls += 1; return calls == turn } ? .failure(EMFILE) : nil
      }
      #expect(failure?.errno == EMFILE)
    }
    #expect(try sockets() < before + 200)
  }

  /// Signals come at any time.
  @Test(arguments: [SystemCall.socketpair, .poll, .send, .recv, .waitid, .waitpid])
  func aCallThatIsInterruptedIsMadeAgain(_ call: SystemCall) throws {
    let left = Mutex(3)
    let (failure, outcome, _) = try faulted("cat > /dev/null; echo x >&3; exit 7") { asked in
      guard asked == call else { return nil }
      return left.withLock { left in
        left -= 1
        return left >= 0 ? .failure(EINTR) : nil
      }
    }
    #expect(failure == nil && outcome?.end == .exited(7))
    #expect(left.withLock { $0 } < 0)
  }

  @Test func aChildThatNobodyCanWaitForIsAnError() throws {
    let (failure, _, child) = try faulted("exit 0") { $0 == .waitpid ? .failure(ECHILD) : nil }
    #expect(failure?.description.contains("waitpid failed") == true)
    // The fault was ours, the child is not.
    if let child { waitpid(child, nil, 0) }
  }

  /// Not a fault: the child may close its ends, and goes on.
  @Test(arguments: [(SystemCall.send, EPIPE), (.send, ECONNRESET), (.recv, ECONNRESET), (.send, EAGAIN)])
  func aClosedChannelIsNoError(_ call: SystemCall, _ code: Int32) throws {
    let left = Mutex(1)
    let (failure, outcome, _) = try faulted("exec 0<&-; exit 3") { asked in
      asked == call && left.withLock { left in left -= 1; return left >= 0 } ? .failure(code) : nil
    }
    #expect(failure == nil && outcome?.end == .exited(3))
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
