import MimoMapping
import MimoSystem
import PluginABI

/// The host's side of one `describe` call: what the plugin may ask, what it declared, and its first failure.
///
/// It only writes down what is declared: the host builds the model from that, in its own process. Used on the thread that
/// `describe` runs on, and only while it runs.
package final class DescribeSession {
  /// Far above what real models need, so that a plugin that loops for ever ends.
  package static let declarationLimit = 1 << 21

  let model: ModelInput
  let architecture: String
  package private(set) var failure: MimoError?
  private let log: DeclarationLog
  private let lender: any Lender
  private let limit: Int
  /// The call that a trial lets fail, counted from 1.
  private let failingCall: Int?
  /// Calls of the plugin so far.
  package private(set) var calls = 0
  /// Whether it was stopped because it declared too much.
  package private(set) var isEndless = false
  private var declarations = 0
  private var nodes: mimo_node = 0
  private var targets: mimo_target_id = 0

  package init(
    _ model: ModelInput, architecture: String, log: DeclarationLog, lender: any Lender = HeapLender(),
    limit: Int = declarationLimit, failingCall: Int? = nil
  ) {
    self.failingCall = failingCall
    self.model = model
    self.architecture = architecture
    self.log = log
    self.lender = lender
    self.limit = limit
  }

  /// The session behind the plugin's handle; nil for NULL.
  static func behind(_ handle: OpaquePointer?) -> DescribeSession? {
    guard let handle else { return nil }
    return Unmanaged<DescribeSession>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
  }

  /// Runs one call of the plugin. After the first failure nothing is done any more.
  static func call<Answer>(
    _ handle: OpaquePointer?, failed: Answer, _ body: (DescribeSession) throws(MimoError) -> Answer
  ) -> Answer {
    guard let session = behind(handle), session.failure == nil else { return failed }
    do throws(MimoError) {
      try session.count()
      return try body(session)
    } catch {
      session.failure = error
      return failed
    }
  }

  /// A model of millions of parameters with names is none that there is: most likely a count of its config is wrong.
  private var tooLarge: MimoError {
    let counts = model.largestCounts.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
    return MimoError(
      .plugin, "the model of config.json\(counts.isEmpty ? "" : " (\(counts))") takes more than \(limit) nodes and targets",
      remedy: "That is the most that is taken: look at these numbers, or at the plugin, if it declares without end")
  }

  private func count() throws(MimoError) {
    calls += 1
    guard calls != failingCall else { throw MimoError(.invalidInput, "the host refuses call \(calls) to see what follows") }
  }

  /// The same for a call that declares something.
  static func declare<Answer>(
    _ handle: OpaquePointer?, failed: Answer, _ body: (DescribeSession) throws(MimoError) -> Answer
  ) -> Answer {
    call(handle, failed: failed) { (session) throws(MimoError) in
      session.declarations += 1
      guard session.declarations <= session.limit else {
        session.isEndless = true
        throw session.tooLarge
      }
      return try body(session)
    }
  }

  func record(_ declaration: Declaration) { log.append(declaration) }

  func record(node declaration: Declaration) -> mimo_node {
    log.append(declaration)
    defer { nodes += 1 }
    return nodes
  }

  func record(target: Declaration.Target) -> mimo_target_id {
    log.append(.target(target))
    defer { targets += 1 }
    return targets
  }

  /// A view that stays valid until `describe` returns.
  func lend(_ text: String) -> mimo_string { lender.lend(text) }

  /// Throws unless the plugin came to its end without a failure.
  package func finish(_ status: mimo_status) throws(MimoError) {
    if let failure { throw failure }
    switch status {
    case MIMO_OK: return
    case MIMO_FAILED: throw BoundaryReader.broken("describe failed without saying why")
    default: throw BoundaryReader.broken("describe answers \(status), which is no status")
    }
  }
}
