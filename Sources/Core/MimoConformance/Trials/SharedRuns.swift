import MimoPluginHost
import Synchronization

/// Runs that several threads collect.
final class SharedRuns: Sendable {
  private let runs = Mutex<[Finding.Run]>([])

  func append(_ run: Finding.Run) { runs.withLock { $0.append(run) } }

  var all: [Finding.Run] { runs.withLock { $0 } }
}

/// A plugin that two threads use at once: the contract promises that it can be.
struct SharedPlugin: @unchecked Sendable {
  let plugin: LoadedPlugin
}
