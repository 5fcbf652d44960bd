import Glibc
import Synchronization

/// SIGINT and SIGTERM as a flag that long loops look at, so that work folders are removed on the way out.
package enum Interruption {
  /// The signal that came, 0 for none. One word: all that a signal handler may touch.
  private static let received = Atomic<CInt>(0)

  /// Installs the handlers. The second signal finds the system's own again and ends the process at once.
  package static func install() {
    received.store(0, ordering: .relaxed)
    // A parent may have started us with signals blocked: they would never arrive.
    var asked = sigset_t()
    sigemptyset(&asked)
    sigaddset(&asked, SIGINT)
    sigaddset(&asked, SIGTERM)
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
    switch received.load(ordering: .acquiring) {
    case 0: return
    case SIGTERM: throw MimoError(.terminated, "stopped by SIGTERM", remedy: "Nothing was published")
    default: throw MimoError(.interrupted, "stopped by SIGINT", remedy: "Nothing was published")
    }
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
  }
}
