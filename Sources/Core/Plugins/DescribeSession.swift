import MimoMapping
import MimoSystem
import PluginABI

/// The host's side of one `describe` call: what the plugin may ask, what it declared, and its first failure.
///
/// Used on the thread that `describe` runs on, and only while it runs.
final class DescribeSession {
  let model: ModelInput
  let architecture: String
  var builder: ModelBuilder
  private(set) var failure: MimoError?
  private var lent: [UnsafeMutablePointer<CChar>] = []
  private var declarations = 0

  /// Far above what real models need, so that a plugin that loops for ever ends.
  static let declarationLimit = 1 << 21
  private let limit: Int

  init(_ model: ModelInput, architecture: String, components: [String], limit: Int = declarationLimit) {
    self.limit = limit
    self.model = model
    self.architecture = architecture
    builder = ModelBuilder(components: components)
  }

  deinit { for pointer in lent { pointer.deallocate() } }

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
      return try body(session)
    } catch {
      session.failure = error
      return failed
    }
  }

  /// The same for a call that declares something.
  static func declare<Answer>(
    _ handle: OpaquePointer?, failed: Answer, _ body: (DescribeSession) throws(MimoError) -> Answer
  ) -> Answer {
    call(handle, failed: failed) { (session) throws(MimoError) in
      session.declarations += 1
      guard session.declarations <= session.limit else {
        throw BoundaryReader.broken("it declares more than \(session.limit) nodes and targets")
      }
      return try body(session)
    }
  }

  /// A view that stays valid until `describe` returns.
  func lend(_ text: String) -> mimo_string {
    let bytes = Array(text.utf8)
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: Swift.max(bytes.count, 1))
    for (i, byte) in bytes.enumerated() { (copy + i).initialize(to: CChar(bitPattern: byte)) }
    lent.append(copy)
    return mimo_string(data: copy, length: bytes.count)
  }

  /// The description, when the plugin came to its end without a failure.
  func finish(_ status: mimo_status) throws(MimoError) -> ModelDescription {
    if let failure { throw failure }
    switch status {
    case MIMO_OK: return try builder.finish()
    case MIMO_FAILED: throw BoundaryReader.broken("describe failed without saying why")
    default: throw BoundaryReader.broken("describe answers \(status), which is no status")
    }
  }
}
