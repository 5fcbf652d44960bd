import MimoSystem
import Synchronization

/// Reads one side of the units that a journal records again, and compares what it shows with the records.
package struct UnitProof: Sendable {
  let plan: ConversionPlan
  let side: UnitSide
  /// Parallel to those of the side.
  let files: [File]
  /// Windows that the units were cut by.
  let windowBytes: Int
  let resources: Resources
  let progress: ProgressHandler

  package init(
    plan: ConversionPlan, side: UnitSide, files: [File], windowBytes: Int, resources: Resources, progress: @escaping ProgressHandler
  ) {
    self.plan = plan
    self.side = side
    self.files = files
    self.windowBytes = windowBytes
    self.resources = resources
    self.progress = progress
  }

  /// Looks at each recorded unit that `concerns` picks; returns the bytes that were read.
  ///
  /// - Parameter refusal: the error for a place that does not hold what it held.
  package func run(
    over records: JournalRecords, where concerns: @escaping @Sendable (UnitRecord) -> Bool = { _ in true },
    refusal: @escaping @Sendable (UnitPlace) -> MimoError
  ) throws(MimoError) -> Int {
    let total = Total()
    // Windows of a journal may be larger than this run's own.
    let jobs = max(1, min(resources.jobs, resources.bufferBytes / (windowBytes * 6)))
    try Workers.run(count: jobs) { worker throws(MimoError) in
      var reader = UnitReader(plan, side, files: files)
      while !worker.isCancelled, let payload = try records.next() {
        try Interruption.check()
        guard let record = UnitRecord(payload, of: plan) else {
          throw MimoError(.internalError, "a record of no unit of this run", path: files.first?.path)
        }
        guard concerns(record) else { continue }
        total.bytes.add(try check(record, with: &reader, refusal), ordering: .relaxed)
      }
    }
    return total.bytes.load(ordering: .relaxed)
  }

  /// Throws when the side of one unit shows something else now.
  private func check(
    _ record: UnitRecord, with reader: inout UnitReader, _ refusal: (UnitPlace) -> MimoError
  ) throws(MimoError) -> Int {
    let unit = record.unit
    let shown = try reader.read(unit)
    if let place = try reader.difference(unit, reader.part(of: record.tally), shown) { throw refusal(place) }
    progress(plan.whole[unit.tensor].storedBytes(of: unit.elements).count, plan.whole[unit.tensor].name)
    return shown.bytesRead
  }

  private final class Total: Sendable {
    let bytes = Atomic<Int>(0)
  }
}
