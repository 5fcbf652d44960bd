/// Makes chosen system calls fail or come back short, so that tests can reach every error path.
///
/// Costs one relaxed load a call while no test uses it.
package enum FaultInjection {
  package enum Fault: Sendable {
    /// The call fails with this errno.
    case failure(Int32)
    /// A transfer is asked to move at most this many bytes (at least one).
    case short(Int)
    /// A transfer tells that it moved all of its bytes, and moves none.
    case lost
  }

  /// Asked before each call; nil lets it pass. `path` is the one that is changed: of a rename or copy, the new one.
  ///
  /// Must only fault paths of its own test: tests run side by side.
  package typealias Handler = @Sendable (_ call: SystemCall, _ path: String) -> Fault?

  /// Runs `body` while `handler` is asked about every system call of the process.
  package static func with<Result>(
    _ handler: @escaping Handler, _ body: () throws(MimoError) -> Result
  ) throws(MimoError) -> Result {
    try hooks.with(handler, body)
  }

  /// errno that this call must fail with, if any.
  static func failure(of call: SystemCall, path: String) -> Int32? {
    guard case .failure(let code)? = fault(call, path) else { return nil }
    return code
  }

  /// What becomes of a transfer of `count` bytes.
  enum Transfer {
    /// It may ask for this many.
    case asking(Int)
    /// It must fail with this errno.
    case failing(Int32)
    /// It is left out, and nobody is told.
    case lost
  }

  static func transfer(_ call: SystemCall, path: String, count: Int) -> Transfer {
    switch fault(call, path) {
    case .failure(let code): return .failing(code)
    case .short(let limit): return .asking(min(count, max(limit, 1)))
    case .lost: return .lost
    case nil: return .asking(count)
    }
  }

  private static let hooks = HookRegistry<Handler>()

  private static func fault(_ call: SystemCall, _ path: String) -> Fault? {
    guard let handlers = hooks.current else { return nil }
    for handler in handlers {
      if let fault = handler(call, path) { return fault }
    }
    return nil
  }
}
