import Glibc

/// What a process gives up before it runs code that is not ours.
package enum Confinement {
  /// Bytes of address space.
  private static let memoryLimit: rlim_t = 16 << 30

  /// No core dump, no file written, bounded memory, and the end with the process that started it.
  package static func enter() {
    limit(RLIMIT_CORE, to: 0)
    limit(RLIMIT_FSIZE, to: 0)
    // Sanitizers reserve terabytes.
    if dlsym(nil, "__asan_init") == nil, dlsym(nil, "__tsan_init") == nil { limit(RLIMIT_AS, to: memoryLimit) }
    _ = LinuxCalls.prctl?(LinuxCalls.setParentDeathSignal, UInt(SIGKILL), 0, 0, 0)
  }

  private static func limit(_ resource: __rlimit_resource, to most: rlim_t) {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = min(limit.rlim_cur, most)
    limit.rlim_max = limit.rlim_cur
    setrlimit(__rlimit_resource_t(resource.rawValue), &limit)
  }
}
