import Glibc
import Synchronization

/// SIGINT, SIGTERM and SIGHUP as a flag that long loops look at, so that work folders are removed on the way out.
package enum Interruption {
  /// The signal that came, 0 for none. One word: all that a signal handler may touch.
  private static let received = Atomic<CInt>(0)
  /// Whether a lost terminal stops the process: not where nohup was to keep it going.
  private static let hearsHangup = Atomic<Bool>(false)
  private static let signals: [(number: CInt, code: MimoError.Code)] = [
    (SIGINT, .interrupted), (SIGTERM, .terminated), (SIGHUP, .hungUp),
  ]

  /// What a process that was asked to stop ends with.
  package static let codes = Set(signals.map(\.code))

  /// What a stop means for the command.
  private static let consequence = Mutex<String?>(nil)

  /// Installs the handlers. The second signal finds the system's own again and ends the process at once.
  ///
  /// - Parameter consequence: what a stop means for the command, in words; nil for one that makes nothing.
  package static func install(consequence: String? = nil) {
    Interruption.consequence.withLock { $0 = consequence }
    received.store(0, ordering: .relaxed)
    hearsHangup.store(!isIgnored(SIGHUP), ordering: .relaxed)
    // A parent may have started us with signals blocked: they would never arrive.
    var asked = sigset_t()
    sigemptyset(&asked)
    for signal in signals { sigaddset(&asked, signal.number) }
    pthread_sigmask(SIG_UNBLOCK, &asked, nil)
    // A file beyond the limit of sizes is then an error of the write, EFBIG, and the work folder is removed.
    signal(SIGXFSZ, SIG_IGN)
    setHandler { number in
      Interruption.setHandler(SIG_DFL)
      // Last, so that who sees the flag finds the handlers gone.
      Interruption.received.store(number, ordering: .releasing)
    }
  }

  /// Throws when the process was asked to stop.
  package static func check() throws(MimoError) {
    let number = received.load(ordering: .acquiring)
    guard let signal = signals.first(where: { $0.number == number }) else { return }
    throw MimoError(signal.code, "stopped by \(SignalName.of(number))", remedy: consequence.withLock { $0 })
  }

  /// Makes the process behave again as if nothing was installed or received.
  package static func reset() {
    setHandler(SIG_DFL)
    received.store(0, ordering: .relaxed)
  }

  private static func setHandler(_ handler: __sighandler_t?) {
    var action = sigaction()
    action.__sigaction_handler.sa_handler = handler
    sigemptyset(&action.sa_mask)
    sigaction(SIGINT, &action, nil)
    sigaction(SIGTERM, &action, nil)
    if hearsHangup.load(ordering: .relaxed) { sigaction(SIGHUP, &action, nil) }
  }

  private static func isIgnored(_ signal: CInt) -> Bool {
    var action = sigaction()
    sigaction(signal, nil, &action)
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: UInt.self) == unsafeBitCast(SIG_IGN, to: UInt.self)
  }
}
