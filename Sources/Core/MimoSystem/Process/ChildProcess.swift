import Glibc

/// A program that is run beside this one for a bounded time: it is given bytes, and answers on a channel of its own.
///
/// The program begins with `Supervisor.enter()`, so that nothing of it stays behind. Its stdin, stdout, stderr and descriptor
/// 3 are ours; what it prints never reaches the user's terminal. Nothing of this process is changed: how the program ended is
/// heard from the supervisor, so that it does not matter what becomes of SIGCHLD here, and who else waits for children.
package struct ChildProcess: Sendable {
  /// The descriptor that the child answers on.
  package static let answerDescriptor: CInt = 3
  /// Bytes of what the child prints that are kept; the rest is read and dropped.
  package static let printLimit = 4096

  /// How it ended, and what it printed.
  package struct Outcome: Sendable {
    package enum End: Sendable, Equatable {
      case exited(CInt)
      case signalled(CInt)
      case timedOut
    }

    package var end: End
    /// The first bytes of stdout and stderr.
    package var printed: [UInt8]
  }

  package var executable: String
  package var arguments: [String]
  /// Variables of the environment that the child has besides ours.
  package var environment: [String: String]
  package var timeout: Duration

  package init(
    executable: String, arguments: [String], environment: [String: String] = [:], timeout: Duration
  ) {
    self.executable = executable
    self.arguments = arguments
    self.environment = environment
    self.timeout = timeout
  }

  /// Runs it to its end. `receive` gets what it answers, as it comes; when that throws, the child is killed.
  package func run(
    _ input: [UInt8], _ receive: (ArraySlice<UInt8>) throws(MimoError) -> Void
  ) throws(MimoError) -> Outcome {
    let channels = try ChildChannels(input: input, path: executable)
    let supervisor = try start(channels)
    channels.closeChildEnds()
    do throws(MimoError) {
      return try watch(supervisor, channels, receive)
    } catch {
      // Why it is ended matters more than how that went.
      _ = try? end(supervisor, channels)
      throw error
    }
  }

  private func watch(
    _ supervisor: pid_t, _ channels: ChildChannels, _ receive: (ArraySlice<UInt8>) throws(MimoError) -> Void
  ) throws(MimoError) -> Outcome {
    let (seconds, fraction) = timeout.components
    let deadline = MonotonicClock.seconds() + Double(seconds) + Double(fraction) * 1e-18
    while true {
      try Interruption.check()
      let hasEnded = channels.hasEnded
      // Bytes that came before the end are still there after it.
      let moved = try channels.transfer(waiting: hasEnded ? 0 : ChildProcess.tick, receive)
      if hasEnded, !moved { return Outcome(end: try end(supervisor, channels), printed: channels.printed) }
      guard MonotonicClock.seconds() < deadline else {
        _ = try end(supervisor, channels)
        return Outcome(end: .timedOut, printed: channels.printed)
      }
    }
  }

  /// Milliseconds between two looks at the time and at signals.
  private static let tick: CInt = 10
  /// Seconds that the supervisor has for ending everything; one that was stopped would take for ever.
  private static let patience = 10.0

  /// Lets the supervisor end what is left and waits for it: how the program ended.
  private func end(_ supervisor: pid_t, _ channels: ChildChannels) throws(MimoError) -> Outcome.End {
    if !channels.awaitEnd(for: ChildProcess.patience) { kill(supervisor, SIGKILL) }
    var status: CInt = 0
    let (_, code) = SystemCalls.attempt(.waitpid, path: executable) { waitpid(supervisor, &status, 0) }
    if let reported = channels.reportedStatus { return Outcome.End(status: reported) }
    guard code == 0 else { throw SystemCalls.failure(.waitpid, code, path: executable) }
    return Outcome.End(status: status)
  }
}

extension ChildProcess.Outcome.End {
  /// - Parameter status: as waitpid gives it.
  init(status: CInt) {
    let signal = status & 0x7F
    self = signal == 0 ? .exited((status >> 8) & 0xFF) : .signalled(signal)
  }
}
