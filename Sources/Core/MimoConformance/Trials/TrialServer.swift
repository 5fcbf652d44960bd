import MimoPluginHost
import MimoSystem
import PluginABI

/// Carries out a trial, in the process that is there for it alone.
package enum TrialServer {
  /// The command of the host that such a process runs.
  static let command = "plugin-trial"
  private static let threads = 2
  /// The limit counts what else the user runs on this machine.
  private static let mostTasks: UInt64 = 4096

  /// Serves one trial when the command line asks for that; returns when it does not.
  package static func serveIfAsked(_ arguments: [String]) {
    guard arguments.count == 3, arguments[0] == command, let seconds = UInt32(arguments[1]) else { return }
    // Threads of ours share the plugin.
    let confinement = Confinement(seconds: UInt64(seconds) * UInt64(threads), tasks: mostTasks)
    PluginServer.serve(in: confinement) { (request, channel) throws(MimoError) in
      let trial = try WireReader.read(request) { (wire) throws(MimoError) in try Trial(from: &wire) }
      try carryOut(trial, arguments[2]) { finding in channel.send(.finding) { finding.write(to: &$0) } }
    }
  }

  private static func carryOut(_ trial: Trial, _ path: String, _ found: (Finding) -> Void) throws(MimoError) {
    switch trial {
    case .negotiate(let offer): found(.answer(try negotiate(offer, path)))
    case .describe(let requests, let conduct):
      let plugin = try LoadedPlugin(path: path)
      for request in requests { found(.run(try run(plugin, request, conduct))) }
    case .concurrently(let request, let times):
      for run in try concurrently(try LoadedPlugin(path: path), request, times) { found(.run(run)) }
    case .leaveBehind(let request, let times):
      found(.residue(try Finding.Residue.after(try LoadedPlugin(path: path), request, times)))
    }
  }

  static func run(
    _ plugin: LoadedPlugin, _ request: DescribeRequest, _ conduct: Trial.Conduct = Trial.Conduct()
  ) throws(MimoError) -> Finding.Run {
    var bytes: [UInt8] = []
    let log = DeclarationLog { bytes += $0 }
    let session = DescribeSession(
      request.model, architecture: request.architecture, log: log,
      lender: conduct.guardsViews ? GuardedLender() : HeapLender(), limit: request.limit,
      failingCall: conduct.failingCall)
    let status = try describe(plugin, session, request.layout, conduct.hostSize)
    log.flush()
    return Finding.Run(
      status: Int(status), failure: session.failure, isEndless: session.isEndless, calls: session.calls, log: bytes)
  }

  private static func describe(
    _ plugin: LoadedPlugin, _ session: DescribeSession, _ layout: String, _ hostSize: Int?
  ) throws(MimoError) -> mimo_status {
    var host = DescribeHost.table
    guard let hostSize else { return plugin.describe(session, layout: layout) }
    host.struct_size = UInt32(hostSize)
    let size = min(hostSize, MemoryLayout<mimo_host>.size)
    let memory = withUnsafeBytes(of: &host) { bytes in
      var bytes = Array(bytes[..<size])
      bytes += [UInt8](repeating: 0, count: hostSize - size)
      return bytes.withUnsafeBytes { GuardedMemory($0, alignment: MemoryLayout<mimo_host>.alignment) }
    }
    guard let memory else { throw MimoError(.system, "there is no memory for a trial") }
    return withExtendedLifetime(memory) {
      plugin.describe(
        session, layout: layout, host: UnsafePointer(memory.start.assumingMemoryBound(to: mimo_host.self)))
    }
  }

  private static func negotiate(_ offer: Trial.Offer, _ path: String) throws(MimoError) -> Finding.Answer {
    let library = try DynamicLibrary(path)
    let entry = try LoadedPlugin.entry(of: library)
    var offered = mimo_offer(
      struct_size: UInt32(offer.offerSize), abi_min: UInt32(offer.majors.lowerBound),
      abi_max: UInt32(offer.majors.upperBound), reserved: 0, host_version: mimo_string())
    var answer = mimo_answer()
    answer.struct_size = UInt32(offer.answerSize)
    guard let offerMemory = guarded(&offered, offer.offerSize), let answerMemory = guarded(&answer, offer.answerSize)
    else { throw MimoError(.system, "there is no memory for a trial") }
    let status = withExtendedLifetime((offerMemory, answerMemory)) {
      entry(
        UnsafePointer(offerMemory.start.assumingMemoryBound(to: mimo_offer.self)),
        answerMemory.start.assumingMemoryBound(to: mimo_answer.self))
    }
    withUnsafeMutableBytes(of: &answer) { bytes in
      let written = UnsafeRawBufferPointer(start: answerMemory.start, count: min(offer.answerSize, bytes.count))
      bytes.copyMemory(from: written)
    }
    return Finding.Answer(
      status: Int(status), abi: Int(answer.abi), hasTable: answer.plugin != nil,
      refusal: try BoundaryReader.text(answer.refusal, "the refusal"))
  }

  /// The first `size` bytes of a struct, or the struct with zeros after it, at the end of memory.
  private static func guarded<Row>(_ row: inout Row, _ size: Int) -> GuardedMemory? {
    withUnsafeBytes(of: &row) { bytes in
      var bytes = Array(bytes.prefix(size))
      bytes += [UInt8](repeating: 0, count: size - bytes.count)
      return bytes.withUnsafeBytes { GuardedMemory($0, alignment: MemoryLayout<Row>.alignment) }
    }
  }

  /// The runs of both threads.
  private static func concurrently(
    _ plugin: LoadedPlugin, _ request: DescribeRequest, _ times: Int
  ) throws(MimoError) -> [Finding.Run] {
    let found = SharedRuns()
    let shared = SharedPlugin(plugin: plugin)
    // Swift's locks keep a thread's number from its first lock on. Ours was taken before the supervisor forked, so that the
    // kernel knows another thread by it: where two wait for each other, only threads that were made since may be among them.
    try Workers.run(count: threads + 1) { (worker) throws(MimoError) in
      guard worker.index > 0 else { return }
      for _ in 0..<times { found.append(try run(shared.plugin, request)) }
    }
    return found.all
  }
}
