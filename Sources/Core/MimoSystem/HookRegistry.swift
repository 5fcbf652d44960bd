import Synchronization

/// The functions that tests have hooked into the program, each for as long as something runs.
///
/// Costs one relaxed load a question while there is none.
final class HookRegistry<Hook: Sendable>: Sendable {
  private struct State {
    var lastToken = 0
    var hooks: [Int: Hook] = [:]
  }

  private let armed = Atomic<Int>(0)
  private let state = Mutex(State())

  /// All of now; nil while there is none.
  var current: [Hook]? {
    guard armed.load(ordering: .relaxed) != 0 else { return nil }
    return state.withLock { Array($0.hooks.values) }
  }

  /// Runs `body` while `hook` is one of them.
  func with<Result>(_ hook: Hook, _ body: () throws(MimoError) -> Result) throws(MimoError) -> Result {
    let token = state.withLock { state in
      state.lastToken += 1
      state.hooks[state.lastToken] = hook
      return state.lastToken
    }
    armed.add(1, ordering: .relaxed)
    defer {
      armed.subtract(1, ordering: .relaxed)
      state.withLock { _ = $0.hooks.removeValue(forKey: token) }
    }
    return try body()
  }
}
