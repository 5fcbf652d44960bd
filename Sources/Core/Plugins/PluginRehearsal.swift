import Glibc
import MimoSystem

/// Lets a plugin describe a model in a process of its own first, so that one that crashes, hangs or exits is an error
/// message and never a lost conversion. What it answers there is thrown away: `describe` is deterministic.
package struct PluginRehearsal: Sendable {
  /// The plugin's file, for messages.
  package var plugin: String
  /// A program that loads the plugin and describes the model: this host, with `plugin describe`.
  package var executable: String
  package var arguments: [String]
  package var timeout: Duration

  package init(plugin: String, executable: String, arguments: [String], timeout: Duration = .seconds(60)) {
    self.plugin = plugin
    self.executable = executable
    self.arguments = arguments
    self.timeout = timeout
  }

  /// Throws when the plugin did not come back. That it refused the model is no failure here: it will do so again, and
  /// then its words are at hand.
  package func run() throws(MimoError) {
    let status = try wait(for: try spawn())
    let signal = status & 0x7F
    guard signal != 0 else { return }
    throw MimoError(
      .plugin,
      "the plugin crashed while it described the model (signal \(signal), \(String(cString: strsignal(signal))))",
      path: plugin, remedy: "This is a fault of the plugin; nothing was written")
  }

  private func spawn() throws(MimoError) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (descriptor, flags) in [(0, O_RDONLY), (1, O_WRONLY), (2, O_WRONLY)] {
      posix_spawn_file_actions_addopen(&actions, Int32(descriptor), "/dev/null", flags, 0)
    }
    var attributes = PluginRehearsal.ownSignals()
    defer { posix_spawnattr_destroy(&attributes) }
    var words: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var child: pid_t = 0
    let code = posix_spawn(&child, executable, &actions, &attributes, &words, environ)
    guard code == 0 else {
      throw MimoError(
        .system, "could not be started to try the plugin: \(String(cString: strerror(code)))", path: executable,
        errno: code)
    }
    return child
  }

  /// No signal blocked or ignored: what the calling thread does with signals is not the child's business.
  private static func ownSignals() -> posix_spawnattr_t {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    var none = sigset_t()
    sigemptyset(&none)
    var all = sigset_t()
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    return attributes
  }

  /// The child's wait status.
  private func wait(for child: pid_t) throws(MimoError) -> Int32 {
    let deadline = ContinuousClock.now + timeout
    var status: Int32 = 0
    while true {
      let done = waitpid(child, &status, WNOHANG)
      if done == child { return status }
      if done < 0, errno != EINTR {
        throw MimoError(.system, "the process that tries the plugin was lost", path: plugin, errno: errno)
      }
      guard ContinuousClock.now < deadline else { break }
      usleep(1000)
    }
    kill(child, SIGKILL)
    while waitpid(child, &status, 0) < 0, errno == EINTR {}
    throw MimoError(
      .plugin, "the plugin did not finish describing the model within \(timeout.components.seconds) s", path: plugin,
      remedy: "This is a fault of the plugin; nothing was written")
  }
}
