import Glibc

extension ChildProcess {
  /// Starts the program with the channels' ends as its descriptors 0 to 4. Not fork: other threads may hold locks.
  func start(_ channels: ChildChannels) throws(MimoError) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (number, descriptor) in channels.childEnds.enumerated() {
      posix_spawn_file_actions_adddup2(&actions, descriptor, CInt(number))
    }
    var attributes = ChildProcess.attributes()
    defer { posix_spawnattr_destroy(&attributes) }
    var words = ChildProcess.strings([executable] + arguments)
    var variables = ChildProcess.strings(variables)
    defer { for text in words + variables { free(text) } }
    var child: pid_t = 0
    let code =
      FaultInjection.failure(of: .posixSpawn, path: executable)
      ?? posix_spawn(&child, executable, &actions, &attributes, &words, &variables)
    guard code == 0 else {
      throw MimoError(
        .system, "could not be started: \(String(cString: strerror(code)))", path: executable,
        remedy: "Check that the program is there and may be run", errno: code)
    }
    return child
  }

  /// A process group of its own, and no signal blocked or ignored: what our thread does with signals is not its business.
  private static func attributes() -> posix_spawnattr_t {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    var none = sigset_t()
    sigemptyset(&none)
    var all = sigset_t()
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
    return attributes
  }

  private var variables: [String] {
    var variables: [String] = []
    var entry = environ
    while let text = entry.pointee {
      let line = String(cString: text)
      let name = line.prefix { $0 != "=" }
      if environment[String(name)] == nil { variables.append(line) }
      entry += 1
    }
    return variables + environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
  }

  private static func strings(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
    texts.map { strdup($0) } + [nil]
  }
}
