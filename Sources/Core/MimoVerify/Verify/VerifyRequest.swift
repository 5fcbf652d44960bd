import MimoSystem
import MimoTransfer

/// Which checkpoints to compare.
package struct VerifyRequest: Sendable {
  package var first: String
  /// nil: the first is checked against its own conversion report.
  package var second: String?
  /// A folder with the model's config.json, for checkpoints that do not say their model.
  package var configFolder: String?
  package var resources: Resources
  package var budget = MemoryBudget()

  package init(first: String, second: String?, configFolder: String?, resources: Resources) {
    self.first = first
    self.second = second
    self.configFolder = configFolder
    self.resources = resources
  }
}

/// A comparison that is ready to run: how much there is to read, and the work itself.
package struct VerifyPlan: Sendable {
  /// Bytes that the progress handler will be told of.
  package let bytes: Int
  let work: @Sendable (@escaping ProgressHandler) throws(MimoError) -> VerifyReport

  package func run(progress: @escaping ProgressHandler) throws(MimoError) -> VerifyReport {
    let start = MonotonicClock.seconds()
    var report = try work(progress)
    report.seconds = MonotonicClock.seconds() - start
    return report
  }
}
