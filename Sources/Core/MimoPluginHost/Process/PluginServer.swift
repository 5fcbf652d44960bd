import Glibc
import MimoSystem
import PluginABI

/// The other side of `PluginProcess`: the only place where a plugin's code runs.
package enum PluginServer {
  /// Serves one request when the command line asks for that; returns when it does not.
  package static func serveIfAsked(_ arguments: [String]) {
    guard arguments.count == 3, arguments[0] == PluginProcess.command, let seconds = UInt32(arguments[1]) else { return }
    serve(in: Confinement(seconds: UInt64(seconds))) { (request, channel) throws(MimoError) in
      try answer(arguments[2], request, channel)
    }
  }

  /// Goes on in a process that is supervised and confined, answers there what it is asked on its stdin, and ends it.
  package static func serve(
    in confinement: Confinement, _ body: ([UInt8], AnswerChannel) throws(MimoError) -> Void
  ) -> Never {
    Supervisor.enter()
    confinement.enter()
    let channel = AnswerChannel(descriptor: ChildProcess.answerDescriptor)
    do {
      try body(try AnswerChannel.readRequest(), channel)
      // Not before everything of the plugin is gone: what breaks on the way out is a fault too.
      channel.send(.done)
    } catch {
      channel.send(.failure) { error.write(to: &$0) }
    }
    _exit(0)
  }

  private static func answer(_ path: String, _ request: [UInt8], _ channel: AnswerChannel) throws(MimoError) {
    let plugin = try LoadedPlugin(path: path)
    channel.send(.info) { plugin.info.write(to: &$0) }
    guard !request.isEmpty else { return }
    let request = try WireReader.read(request) { (wire) throws(MimoError) in try DescribeRequest(from: &wire) }
    let log = DeclarationLog { channel.send(.declarations, $0) }
    let session = DescribeSession(
      request.model, architecture: request.architecture, log: log, limit: request.limit)
    let status = plugin.describe(session, layout: request.layout)
    log.flush()
    try session.finish(status)
  }
}
