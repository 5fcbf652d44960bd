import Glibc
import Synchronization

/// Tells tests each call that changes what lies on a disk, in an order in which the disk may have seen them.
///
/// Costs one relaxed load a call while no test uses it.
package enum StorageRecorder {
  package typealias Handler = @Sendable (StorageChange) -> Void

  /// Runs `body` while `handler` is told what changes below a folder, whichever thread changes it.
  ///
  /// Calls below that folder happen one at a time, so that a sync is told after every write that it covers. Syncs are
  /// told and not made: what they would have kept is the model's to say.
  package static func with<Result>(
    root: String, _ handler: @escaping Handler, _ body: () throws(MimoError) -> Result
  ) throws(MimoError) -> Result {
    let recording = Recording(root: root, handler: handler)
    recordings.withLock { $0.append(recording) }
    armed.add(1, ordering: .relaxed)
    defer {
      armed.subtract(1, ordering: .relaxed)
      recordings.withLock { $0.removeAll { $0 === recording } }
    }
    return try body()
  }

  /// Makes a call; `change` says what one that succeeded with this result changed.
  @inline(__always)
  static func perform<Result: SignedInteger>(
    _ call: SystemCall, path: String, change: (Result) -> StorageChange?, _ body: () -> Result
  ) -> Result {
    guard armed.load(ordering: .relaxed) != 0 else { return body() }
    return performRecorded(call, path: path, change: change, body)
  }

  private static func performRecorded<Result: SignedInteger>(
    _ call: SystemCall, path: String, change: (Result) -> StorageChange?, _ body: () -> Result
  ) -> Result {
    guard let recording = recordings.withLock({ $0.first { path.hasPrefix($0.root) } }) else { return body() }
    var result: Result = 0
    recording.turn.withLock { _ in
      if call != .fsync, call != .fdatasync { result = body() }
      let code = errno
      if result != -1, let change = change(result) { recording.handler(change) }
      errno = code
    }
    return result
  }

  private final class Recording: Sendable {
    let root: String
    let handler: Handler
    let turn = Mutex<Void>(())

    init(root: String, handler: @escaping Handler) {
      self.root = root
      self.handler = handler
    }
  }

  private static let armed = Atomic<Int>(0)
  private static let recordings = Mutex<[Recording]>([])
}
