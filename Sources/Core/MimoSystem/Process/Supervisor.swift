import Glibc

/// The process between the host and code that is not ours: what that code starts can not outlive it.
///
/// It adopts what leaves the supervised process's session, ends all of it, waits for it, and only then reports how the
/// supervised process ended. It ends everything too when the host closes its side of the channel, by ending or otherwise.
package enum Supervisor {
  /// The descriptor of the channel to the host: the end of one side is an order, four bytes of the other a wait status.
  package static let channel: CInt = 4

  /// Goes on in a new process that is supervised; this one stays inside of here, and ends.
  ///
  /// No other thread must have been started.
  package static func enter() {
    ProcessControl.adoptOrphans()
    closeOthers()
    let mask = holdChildSignals()
    let supervisor = getpid()
    guard let fork = LinuxCalls.fork else { _exit(unsupervised) }
    switch fork() {
    case -1: _exit(unsupervised)
    case 0: begin(under: supervisor, mask)
    case let child: supervise(child, mask)
    }
  }

  /// What the new process does first.
  private static func begin(under supervisor: pid_t, _ mask: sigset_t) {
    close(channel)
    // Out of reach of signals to its group.
    setsid()
    ProcessControl.endWithParent(SIGKILL)
    // It may have ended before that.
    guard getppid() == supervisor else { _exit(unsupervised) }
    signal(SIGCHLD, SIG_DFL)
    var mask = mask
    sigprocmask(SIG_SETMASK, &mask, nil)
  }

  private static let unsupervised: CInt = 71

  /// Whatever the host or its parents left open.
  private static func closeOthers() {
    if LinuxCalls.closeRange?(CUnsignedInt(channel) + 1, .max, 0) == 0 { return }
    for number in (channel + 1)..<CInt(clamping: sysconf(CInt(_SC_OPEN_MAX))) { close(number) }
  }

  /// From here on SIGCHLD comes only while we wait for it; returns the signals that were held before.
  private static func holdChildSignals() -> sigset_t {
    // With a handler, or the signal would not interrupt; and not ignored, or there would be nothing to wait for.
    signal(SIGCHLD) { _ in }
    var (held, before) = (sigset_t(), sigset_t())
    sigemptyset(&held)
    sigaddset(&held, SIGCHLD)
    sigprocmask(SIG_BLOCK, &held, &before)
    return before
  }

  private static func supervise(_ child: pid_t, _ mask: sigset_t) -> Never {
    letGoOfChannels()
    while !hasEnded(child), !hostWantsTheEnd(mask) {}
    kill(-child, SIGKILL)
    kill(child, SIGKILL)
    var status: CInt = 0
    while waitpid(child, &status, 0) == -1, errno == EINTR {}
    endDescendants()
    withUnsafeBytes(of: status) { bytes in
      _ = bytes.baseAddress.map { send(channel, $0, bytes.count, CInt(MSG_NOSIGNAL)) }
    }
    _exit(0)
  }

  /// The channels are the child's: the host must see their end when the child closes them.
  private static func letGoOfChannels() {
    let null = open("/dev/null", O_RDWR)
    for number in 0..<channel {
      if null == -1 || number > 2 { close(number) } else { dup2(null, number) }
    }
    if null > channel { close(null) }
  }

  private static func hasEnded(_ child: pid_t) -> Bool {
    var info = siginfo_t()
    while waitid(P_PID, id_t(child), &info, WEXITED | WNOHANG | WNOWAIT) == -1 {
      guard errno == EINTR else { return true }
    }
    return info.si_signo != 0
  }

  /// Waits until a child has ended or the host has closed its side; true for the latter.
  private static func hostWantsTheEnd(_ mask: sigset_t) -> Bool {
    var (host, mask) = (pollfd(fd: channel, events: CShort(POLLIN), revents: 0), mask)
    guard let ppoll = LinuxCalls.ppoll else { return true }
    return ppoll(&host, 1, nil, &mask) == 1
  }

  /// Ends and waits for all that is left, until there is no child: what has a living parent becomes ours when that ends.
  private static func endDescendants() {
    while true {
      let ended = waitpid(-1, nil, WNOHANG)
      if ended > 0 || (ended == -1 && errno == EINTR) { continue }
      guard ended == 0 else { return }
      let living = ProcessTable.children(of: getpid())
      // Without /proc nobody can say who they are.
      guard !living.isEmpty else { return }
      for child in living { kill(child, SIGKILL) }
      while waitpid(-1, nil, 0) == -1, errno == EINTR {}
    }
  }
}
