import MimoMapping
import MimoPluginHost
import MimoSystem
import MimoTensor

/// Runs trials, each in a process of its own, and judges how it ended.
struct TrialRunner: Sendable {
  /// How a trial ended.
  struct Result {
    var findings: [Finding] = []
    /// An error that the trial's process reported: the plugin could not be loaded.
    var error: MimoError?
    /// "crashed (SIGSEGV)"; nil when the process came to its end.
    var fault: String?
    var printed: [UInt8] = []

    var runs: [Finding.Run] {
      findings.compactMap { if case .run(let run) = $0 { run } else { nil } }
    }
  }

  let path: String
  let process: PluginProcess

  /// - Parameter filler: what fresh and freed memory holds in that process, so that what a plugin reads of it shows.
  func carryOut(_ trial: Trial, filler: UInt8 = 0xA5) throws(MimoError) -> Result {
    var wire = WireWriter()
    trial.write(to: &wire)
    var child = process.child(TrialServer.command, path)
    // Of glibc, without the cache that passes freed memory on as it is; other libraries pass over it.
    child.environment["GLIBC_TUNABLES"] = "glibc.malloc.perturb=\(filler):glibc.malloc.tcache_count=0"
    var result = Result()
    var frames = FrameReader()
    var isDone = false
    do {
      let outcome = try child.run(wire.bytes) { (bytes) throws(MimoError) in
        try frames.append(bytes) { (frame, payload) throws(MimoError) in
          switch frame {
          case .finding:
            result.findings.append(
              try WireReader.read(payload) { (wire) throws(MimoError) in try Finding(from: &wire) })
          case .failure:
            result.error = try WireReader.read(payload) { (wire) throws(MimoError) in try MimoError(from: &wire) }
            isDone = true
          default: isDone = true
          }
        }
      }
      result.printed = outcome.printed
      if outcome.end != .exited(0) || !isDone { result.fault = PluginProcess.fault(outcome, process.timeout) }
    } catch {
      guard error.code == .plugin else { throw error }
      result.fault = error.description
    }
    return result
  }

  func outcome(
    _ request: DescribeRequest, components: [String], _ conduct: Trial.Conduct = Trial.Conduct()
  ) throws(MimoError) -> Outcome {
    try outcomes([request], components: components, conduct).first ?? .fault("gives no answer")
  }

  /// How each of several models ended. A process that one of them ends is followed by another for the rest; after a few
  /// such ends the rest is left out.
  func outcomes(
    _ requests: [DescribeRequest], components: [String], _ conduct: Trial.Conduct = Trial.Conduct()
  ) throws(MimoError) -> [Outcome] {
    var outcomes: [Outcome] = []
    var faults = 0
    while outcomes.count < requests.count, faults < TrialRunner.enoughFaults {
      let rest = Array(requests[outcomes.count...].prefix(TrialRunner.batch))
      let result = try carryOut(.describe(rest, conduct))
      if let error = result.error { throw error }
      outcomes += result.runs.prefix(rest.count).map { Outcome($0, components: components) }
      if let fault = result.fault {
        guard result.runs.count < rest.count else { throw MimoError(.plugin, "the plugin \(fault) as it was unloaded") }
        outcomes.append(.fault(fault))
        faults += 1
      }
    }
    return outcomes
  }

  private static let batch = 16
  private static let enoughFaults = 4
}
