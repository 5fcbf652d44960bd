import Glibc

/// A program that is run beside this one for a bounded time: it is given bytes, and answers on a channel of its own.
///
/// The child's stdin, stdout, stderr and descriptor 3 are ours; what it prints never reaches the user's terminal. It leads
/// a process group, which is killed as a whole when it ends, so that nothing of it stays behind.
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
    let child = try start(channels)
    channels.closeChildEnds()
    do throws(MimoError) {
      return try watch(child, channels, receive)
    } catch {
      // Why it is ended matters more than how that went.
      _ = try? end(child)
      throw error
    }
  }

  private func watch(
    _ child: pid_t, _ channels: ChildChannels, _ receive: (ArraySlice<UInt8>) throws(MimoError) -> Void
  ) throws(MimoError) -> Outcome {
    let (seconds, fraction) = timeout.components
    let deadline = MonotonicClock.seconds() + Double(seconds) + Double(fraction) * 1e-18
    while true {
      try Interruption.check()
      let hasEnded = try hasEnded(child)
      // What it has started may hold the channels open.
      if hasEnded { kill(-child, SIGKILL) }
      // Bytes that came before the end are still there after it.
      let moved = try channels.transfer(waiting: hasEnded ? 0 : ChildProcess.tick, receive)
      if hasEnded, !moved { return Outcome(end: try end(child), printed: channels.printed) }
      guard MonotonicClock.seconds() < deadline else {
        _ = try end(child)
        return Outcome(end: .timedOut, printed: channels.printed)
      }
    }
  }

  /// Milliseconds between two looks at a child that says nothing.
  private static let tick: CInt = 2

  /// Whether it has ended by itself; it is not yet reaped, so its number is still its own.
  private func hasEnded(_ child: pid_t) throws(MimoError) -> Bool {
    var info = siginfo_t()
    _ = try SystemCalls.run(.waitid, path: executable) {
      waitid(P_PID, id_t(child), &info, WEXITED | WNOHANG | WNOWAIT)
    }
    return info.si_signo != 0
  }

  /// Kills what is left of it and waits: how it ended.
  private func end(_ child: pid_t) throws(MimoError) -> Outcome.End {
    kill(-child, SIGKILL)
    var status: CInt = 0
    _ = try SystemCalls.run(.waitpid, path: executable) { waitpid(child, &status, 0) }
    let signal = status & 0x7F
    return signal == 0 ? .exited((status >> 8) & 0xFF) : .signalled(signal)
  }
}
