import Glibc

/// What a process gives up for good before it runs code that is not ours.
package struct Confinement: Sendable {
  /// Of processor time; the wall clock is the host's business.
  package var seconds: UInt64
  /// Processes and threads of the user with which no further one may be started: a plugin starts none.
  package var tasks: UInt64

  package init(seconds: UInt64, tasks: UInt64 = 0) {
    self.seconds = seconds
    self.tasks = tasks
  }

  /// Bytes of address space.
  private static let memoryLimit: UInt64 = 16 << 30
  private static let openFileLimit: UInt64 = 64

  /// Call this before any thread is started.
  package func enter() {
    limit(RLIMIT_CORE, to: 0)
    limit(RLIMIT_FSIZE, to: 0)
    limit(RLIMIT_NOFILE, to: Confinement.openFileLimit)
    limit(__RLIMIT_NPROC, to: tasks)
    // A signal first, which is a name for what happened, and a second later the end.
    limit(RLIMIT_CPU, to: seconds, atMost: seconds + 1)
    // Sanitizers reserve terabytes.
    if dlsym(nil, "__asan_init") == nil, dlsym(nil, "__tsan_init") == nil {
      limit(RLIMIT_AS, to: Confinement.memoryLimit)
    }
    Capabilities.keepReading()
    guard ProcessControl.forgoPrivileges() else { return }
    // Root may start processes beyond every limit.
    SystemCallFilter(process: getpid(), allowsThreads: tasks > 0).install()
  }

  private func limit(_ resource: __rlimit_resource, to soft: UInt64, atMost hard: UInt64? = nil) {
    let number = __rlimit_resource_t(resource.rawValue)
    var limit = rlimit()
    guard getrlimit(number, &limit) == 0 else { return }
    limit.rlim_max = min(limit.rlim_max, rlim_t(hard ?? soft))
    limit.rlim_cur = min(limit.rlim_cur, rlim_t(soft), limit.rlim_max)
    setrlimit(number, &limit)
  }
}
