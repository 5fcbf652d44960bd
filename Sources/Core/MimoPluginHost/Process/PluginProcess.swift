import MimoSystem

/// How a plugin's process is run: this host itself, by a command that only it uses. Loading and describing happen there,
/// so that nothing that a plugin does can hurt a conversion.
package struct PluginProcess: Sendable {
  /// The command of the host that a plugin's process runs.
  static let command = "plugin-host"

  /// Path of mimo-host.
  package var program: String
  /// How long the plugin may take for one answer.
  package var timeout: Duration

  package init(program: String, timeout: Duration = .seconds(60)) {
    self.program = program
    self.timeout = timeout
  }

  /// The mimo-host in the folder of the running program: itself, or the one that tests were built with.
  package static func beside(_ running: String) -> PluginProcess {
    PluginProcess(program: FileSystem.join(FileSystem.split(running).parent, "mimo-host"))
  }

  /// Lets a process of its own load the plugin and, if there is a request, describe a model.
  func ask(_ path: String, _ request: DescribeRequest?) throws(MimoError) -> PluginAnswer {
    var wire = WireWriter()
    if let request { request.write(to: &wire) }
    let answer = PluginAnswer(path: path, limit: request?.limit ?? 0)
    let outcome: ChildProcess.Outcome
    do {
      outcome = try child(PluginProcess.command, path).run(wire.bytes) { (bytes) throws(MimoError) in
        try answer.receive(bytes)
      }
    } catch {
      throw error.at(path: error.code == .plugin ? path : nil)
    }
    if case .failure(let error) = answer.result { throw error.at(path: error.code == .plugin ? path : nil) }
    guard outcome.end == .exited(0), answer.result != nil else {
      throw MimoError(
        .plugin, "the plugin \(PluginProcess.fault(outcome, timeout)) \(place(answer, request))", path: path,
        remedy: PluginProcess.remedy(outcome))
    }
    return answer
  }

  private static func remedy(_ outcome: ChildProcess.Outcome) -> String {
    let advice =
      switch outcome.end {
      case .timedOut: "Give it more time with --plugin-timeout SECONDS, or"
      case .signalled where MemoryLimit.all().contains { $0.kind == .addresses }:
        "Its process may have run out of addresses: raise ulimit -v and ulimit -d; else this is a fault of the plugin:"
      case .signalled, .exited: "This is a fault of the plugin:"
      }
    return advice + " see mimo-host plugin check; nothing was written"
  }

  private func place(_ answer: PluginAnswer, _ request: DescribeRequest?) -> String {
    guard answer.info != nil else { return "while it was loaded" }
    guard let request else { return "while it was unloaded" }
    let preposition = answer.result == nil ? "in" : "after"
    return "\(preposition) describe for layout \(request.layout)"
  }

  /// - Parameter command: what the process is for.
  package func child(_ command: String, _ path: String) -> ChildProcess {
    // Processor time that the clock has not noticed: this process may have been stopped.
    let seconds = timeout.components.seconds + 2
    // What Swift prints of a crash is ours to say, in one line.
    return ChildProcess(
      executable: program, arguments: [command, String(seconds), path], environment: ["SWIFT_BACKTRACE": "enable=no"],
      timeout: timeout)
  }

  /// "crashed (SIGSEGV)", with the first line of what it printed.
  package static func fault(_ outcome: ChildProcess.Outcome, _ timeout: Duration) -> String {
    let what =
      switch outcome.end {
      case .timedOut: "did not finish within \(timeout.components.seconds) s"
      case .signalled(let signal): "crashed (\(SignalName.of(signal)))"
      case .exited(let code): "ended the process (exit code \(code))"
      }
    let line = String(decoding: outcome.printed, as: UTF8.self).split(whereSeparator: \.isNewline).first ?? ""
    let words = String(
      line.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }.prefix(200).map(Character.init))
    return words.isEmpty ? what : "\(what), saying '\(words)',"
  }
}
