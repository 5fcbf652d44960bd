import MimoSystem

/// What a plan and the run that follows it take of memory beside buffers, by counts that are known before the plan is built.
///
/// The numbers of bytes are measured (`docs/trust.md`, Memory), and rounded up.
package struct PlanMemory: Sendable {
  /// What a rank holds of a parameter, as a table shows it.
  private static let shard = 2400
  /// A window in the list of what is to be done, and in the journal.
  package static let unit = 120

  /// Bytes resident when this was computed: the program, the description and the source's index.
  package let resident: Int
  /// Bytes that making the plan takes beyond that.
  package let planning: Int
  /// Bytes that its run takes beyond that.
  package let running: Int

  /// All that is taken beside buffers; reading the source may have taken more.
  package let bytes: Int

  /// - Parameter planning: bytes that are still to be taken before anything moves.
  package init(planning: Int = 0, running: Int = 0) {
    resident = ProcessUsage.residentBytes ?? 0
    self.planning = planning
    self.running = running
    bytes = max(ProcessUsage.peakResidentBytes ?? 0, resident + planning + running)
  }

  /// Of a run whose plan is there.
  package init(units: Int) { self.init(running: PlanMemory.unit * units) }

  /// Of a table of what so many ranks hold of so many parameters, and its text.
  package init(shards ranks: Int, of parameters: Int) { self.init(planning: PlanMemory.shard * ranks * parameters) }
}
