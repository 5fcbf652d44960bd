import Foundation
import MimoSystem
import Synchronization
import Testing

/// A program beside this one: what it is given and answers, how it ends, and that nothing of it stays.
@Suite(.serialized) struct ChildProcessTests {
  /// A shell that begins as a plugin's process does.
  static let shell = FileSystem.join(FileSystem.split(ProgramPath.running).parent, "supervised-shell")

  private func run(
    _ script: String, input: [UInt8] = [], timeout: Duration = .seconds(60)
  ) throws -> (outcome: ChildProcess.Outcome, answer: [UInt8]) {
    var answer: [UInt8] = []
    let child = ChildProcess(executable: Self.shell, arguments: ["-c", "ulimit -c 0; \(script)"], timeout: timeout)
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

  /// Waits for nothing: what is left when the call returns is left.
  @Test(arguments: [
    "sleep 1000 & echo $! >&3",
    // In a session of its own, its parent gone.
    "x=$(setsid sh -c 'echo $$ >&3; exec sleep 1000 > /dev/null' &)",
    // With every channel closed, and a child of its own.
    "x=$(setsid sh -c 'sleep 1000 & echo $$ $! >&3; exec 0<&- 2>&- 3>&- > /dev/null; wait' &)",
    // Many.
    "x=$(for i in 1 2 3 4 5 6 7; do setsid sh -c 'echo $$ >&3; trap : TERM HUP; exec sleep 1000 > /dev/null' & done)",
  ], ["", "exec sleep 1000", "kill -KILL $$"])
  func whatItStartedIsGoneAfterwards(_ start: String, _ end: String) throws {
    let (_, answer) = try run("echo $$ >&3; \(start); \(end)", timeout: .seconds(1))
    let numbers = String(decoding: answer, as: UTF8.self).split(whereSeparator: \.isWhitespace).compactMap { Int32($0) }
    try #require(numbers.count >= 2)
    for number in numbers { #expect(kill(number, 0) == -1 && errno == ESRCH) }
  }

  /// A host that ends, however that is, closes its side of the channel; here the test is the host.
  @Test func nothingOutlivesTheHost() throws {
    var pair: [CInt] = [-1, -1]
    #expect(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0, &pair) == 0)
    let supervisor = Process()
    supervisor.executableURL = URL(filePath: "/bin/sh")
    supervisor.arguments = ["-c", "exec \(Self.shell) -c 'setsid sleep 1000 & echo $$ $!; exec sleep 1000' 4<&0"]
    let output = Pipe()
    supervisor.standardInput = FileHandle(fileDescriptor: pair[1], closeOnDealloc: false)
    supervisor.standardOutput = output
    try supervisor.run()
    close(pair[1])
    let line = output.fileHandleForReading.availableData
    let numbers = String(decoding: line, as: UTF8.self).split(whereSeparator: \.isWhitespace).compactMap { Int32($0) }
    try #require(numbers.count == 2)
    close(pair[0])
    // The last of them to let go of the output is gone then.
    _ = output.fileHandleForReading.readDataToEndOfFile()
    supervisor.waitUntilExit()
    for number in numbers { #expect(kill(number, 0) == -1 && errno == ESRCH) }
  }

  /// What another part of this program has open without O_CLOEXEC is not the child's.
  @Test func noDescriptorOfOursReachesIt() throws {
    let open = [dup(STDERR_FILENO), fcntl(STDERR_FILENO, F_DUPFD, 700)]
    defer { open.forEach { close($0) } }
    let (_, answer) = try run("for n in $(seq 0 1000); do [ -e /proc/$$/fd/$n ] && echo $n >&3; done")
    let numbers = String(decoding: answer, as: UTF8.self).split(separator: "\n").compactMap { Int($0) }
    #expect(Set(numbers) == [0, 1, 2, 3])
  }

  /// The attributes of this process that starting a child could change.
  @Test func thisProcessStaysAsItIs() throws {
    let handler: @convention(c) (CInt) -> Void = { _ in }
    var (ours, before, after) = (sigaction(), sigaction(), sigaction())
    ours.__sigaction_handler.sa_handler = handler
    sigaction(SIGCHLD, &ours, &before)
    defer { sigaction(SIGCHLD, &before, nil) }
    let isSubreaper = try subreaper()
    _ = try run("x=$(setsid sh -c 'exec sleep 1000 > /dev/null' &)")
    sigaction(SIGCHLD, nil, &after)
    #expect(unsafeBitCast(after.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(handler, to: Int.self))
    #expect(try subreaper() == isSubreaper)
  }

  private func subreaper() throws -> CInt {
    typealias Prctl = @convention(c) (CInt, UnsafeMutablePointer<CInt>, UInt, UInt, UInt) -> CInt
    let prctl = unsafeBitCast(try #require(dlsym(nil, "prctl")), to: Prctl.self)
    var value: CInt = -1
    // PR_GET_CHILD_SUBREAPER.
    #expect(prctl(37, &value, 0, 0, 0) == 0)
    return value
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
    symlink(Self.shell, program)
    var outcome: ChildProcess.Outcome?
    let failure = error { () throws(MimoError) in
      outcome = try FaultInjection.with({ call, path in
        guard path == program, let fault = fault(call) else { return nil }
        if ![.socketpair, .posixSpawn].contains(call) {
          for _ in 0..<3000 {
            guard access(number, F_OK) != 0 else { break }
            usleep(10_000)
          }
        }
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
    (.send, ENOBUFS), (.recv, ENOMEM),
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
  @Test(arguments: [SystemCall.socketpair, .poll, .send, .recv, .waitpid])
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

  /// SIGCHLD is ignored, or another part of the program waits for every child: the supervisor has said how it ended.
  @Test func howItEndedIsKnownWhereNobodyCanWaitForIt() throws {
    let (failure, outcome, _) = try faulted("exit 7") { $0 == .waitpid ? .failure(ECHILD) : nil }
    #expect(failure == nil && outcome?.end == .exited(7))
  }

  /// A program that does not come to its supervisor ends as it says itself; where nobody can wait for it, that is an error.
  @Test func aProgramWithoutASupervisorIsHeardAllTheSame() throws {
    let child = ChildProcess(executable: "/bin/sh", arguments: ["-c", "exit 7"], timeout: .seconds(60))
    #expect(try child.run([]) { _ in }.end == .exited(7))
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
      executable: Self.shell, arguments: ["-c", "echo x >&3; exec sleep 1000"], timeout: .seconds(600))
    let error = #expect(throws: MimoError.self) {
      try child.run([]) { (_) throws(MimoError) in throw MimoError(.invalidInput, "enough") }
    }
    #expect(error?.message == "enough")
  }
}
