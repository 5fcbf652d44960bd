import MimoJSON
import MimoMapping
import MimoSystem
import Synchronization

/// Records which units of a run are done, so that the same run can go on after any end.
///
/// A unit is recorded once its bytes are on the disk: units gather, then the files that they touched are synced, then
/// the records are appended and synced. What is lost with the machine is the last batch.
package final class RunJournal: Sendable {
  /// The windows that units are cut by.
  package let windowBytes: Int
  /// Units that former runs did, and what they showed.
  let done: Set<WorkUnit>
  let tally: Tally
  /// Bytes of whole tensors in `done`.
  package let bytesDone: Int
  /// Files of the source that somebody touched since the journal was begun.
  package let touched: Set<String>

  private let writer: Mutex<Writer>
  private let limits: JournalBatch
  private let batch = Mutex(Batch())
  /// Bytes of whole tensors that the next run need not do.
  private let recorded: Atomic<Int>

  private struct Writer: ~Copyable {
    var file: JournalFile
    /// A sync failed: what it was to make safe is lost, and what was written meanwhile may be.
    var isBroken = false
  }

  private struct Batch {
    var records: [UnitRecord] = []
    var bytes = 0
    var files: [File] = []
    var known: Set<ObjectIdentifier> = []
    var began = MonotonicClock.seconds()

    func isDue(_ limits: JournalBatch) -> Bool {
      bytes >= limit(limits) || MonotonicClock.seconds() - began >= limits.seconds
    }
    /// So much waits that the disk must catch up first: never more than twice this is at stake.
    func isOverdue(_ limits: JournalBatch) -> Bool { bytes >= 2 * limit(limits) }

    private func limit(_ limits: JournalBatch) -> Int { limits.bytes + files.count * limits.bytesPerFile }
  }

  /// Begins a journal in an empty file. The outputs' names must be on the disk by then.
  package init(
    beginning file: File, _ identity: RunIdentity, plan: ConversionPlan, resources: Resources
  ) throws(MimoError) {
    let windowBytes = resources.windowBytes
    let header = JSONValue.object([
      "run": identity.json, "window_bytes": .integer(windowBytes), "change_times": identity.changeTimesJSON,
    ])
    self.windowBytes = windowBytes
    done = []
    tally = Tally(whole: plan.whole.count, chunks: plan.chunkCount)
    bytesDone = 0
    touched = []
    recorded = Atomic(0)
    limits = resources.batch
    writer = Mutex(Writer(file: try JournalFile(beginning: file, header: JSONWriter.write(header))))
  }

  /// Continues a journal; nil when no unit is recorded. Throws when it is of another run, and for what is no journal.
  package init?(continuing file: File, _ identity: RunIdentity, plan: ConversionPlan, resources: Resources) throws(MimoError) {
    var replay = Replay(plan, path: file.path)
    var window: Int?
    var touched: Set<String> = []
    let journal = try JournalFile(continuing: file) { header, payload throws(MimoError) in
      if window == nil {
        window = try RunJournal.check(header, identity, file, resources: resources)
        touched = identity.touched(since: try JSONParser.parse(header, path: file.path)["change_times"])
      }
      try replay.add(payload, windowBytes: window ?? 1)
    }
    guard let journal, !replay.done.isEmpty else { return nil }
    windowBytes = window ?? 1
    done = replay.done
    tally = replay.tally
    bytesDone = replay.bytes
    self.touched = touched
    recorded = Atomic(replay.bytes)
    limits = resources.batch
    writer = Mutex(Writer(file: journal))
  }

  /// Bytes of whole tensors that are safe.
  package var recordedBytes: Int { recorded.load(ordering: .relaxed) }

  /// The records of all units that are done.
  package var records: JournalRecords { writer.withLock { $0.file.records } }

  /// Numbers of the output's files that former runs' units were written to; each was synced before its first record.
  package func filesWithRecords(of plan: ConversionPlan) -> Set<Int> {
    if plan.direction == .storedToWhole { return Set(done.map { plan.whole[$0.tensor].file }) }
    let written = plan.stored.chunks.indices.filter { tally.chunkElements[$0] > 0 }
    return Set(written.map { plan.stored.chunks[$0].file })
  }

  /// Takes a unit that was written to `files`; now and then waits until a batch is on the disk.
  func record(_ record: UnitRecord, bytes: Int, touching files: [File]) throws(MimoError) {
    let (isDue, isOverdue) = batch.withLock { batch in
      batch.records.append(record)
      batch.bytes += bytes
      for file in files where batch.known.insert(ObjectIdentifier(file)).inserted { batch.files.append(file) }
      return (batch.isDue(limits), batch.isOverdue(limits))
    }
    if isOverdue { return try flush() }
    guard isDue else { return }
    // Another worker that is at it already is enough.
    let outcome = writer.withLockIfAvailable { writer in capture { () throws(MimoError) in try write(&writer) } }
    try outcome?.get()
  }

  /// Waits until all that was taken is recorded.
  func flush() throws(MimoError) {
    try writer.withLock { writer throws(MimoError) in try write(&writer) }
  }

  private func write(_ writer: inout Writer) throws(MimoError) {
    let batch = batch.withLock { batch in
      defer { batch = Batch() }
      return batch
    }
    guard !batch.records.isEmpty, !writer.isBroken else { return }
    do throws(MimoError) {
      for file in batch.files { try file.syncData() }
      try writer.file.append(batch.records.map(\.encoded))
    } catch {
      writer.isBroken = true
      throw error
    }
    recorded.add(batch.bytes, ordering: .relaxed)
  }

  // MARK: - Header

  /// The window of a run that is this one.
  private static func check(
    _ header: [UInt8], _ identity: RunIdentity, _ file: File, resources: Resources
  ) throws(MimoError) -> Int {
    let json = try? JSONParser.parse(header, path: file.path)
    guard let json, let begun = RunIdentity(json["run"]), let asked = json["window_bytes"]?.integer,
      let window = Int(exactly: asked), window >= ElementKernel.largestWhole, window <= Resources.largestWindow
    else {
      throw MimoError(.invalidInput, "does not say what it is the journal of", path: file.path, remedy: restart)
    }
    let differences = identity.differences(from: begun)
    guard differences.isEmpty else {
      let told = differences.prefix(3).joined(separator: "; ")
      let more = differences.count > 3 ? "; and \(differences.count - 3) more" : ""
      throw MimoError(
        .usage, "an unfinished run to this place was another one: \(told)\(more)",
        path: FileSystem.split(file.path).parent, remedy: identity.canBecome(begun) ? "Run the former command to continue it; \(restart)" : restart)
    }
    let own = Resources(jobs: 1, memory: resources.memory)
    guard window <= own.windowBytes else {
      throw MimoError(
        .usage, "the unfinished run has windows of \(window) bytes, which --memory does not allow",
        path: file.path, remedy: "Say as much --memory as before; \(restart)")
    }
    return window
  }

  package static let restart = "--restart begins anew"
}

/// The records of a journal, held against the plan and added up.
private struct Replay {
  private let plan: ConversionPlan
  private let path: String
  private var expected: Set<WorkUnit> = []
  private(set) var done: Set<WorkUnit> = []
  private(set) var tally: Tally
  private(set) var bytes = 0

  package init(_ plan: ConversionPlan, path: String) {
    self.plan = plan
    self.path = path
    tally = Tally(whole: plan.whole.count, chunks: plan.chunkCount)
  }

  mutating func add(_ payload: [UInt8], windowBytes: Int) throws(MimoError) {
    if expected.isEmpty { expected = Set(WorkUnit.all(of: plan, windowBytes: windowBytes)) }
    guard let record = UnitRecord(payload, of: plan), expected.contains(record.unit) else {
      throw refusal("holds a record of no unit of this run")
    }
    guard done.insert(record.unit).inserted else { throw refusal("holds a unit twice") }
    for part in record.tally.chunks {
      let (sum, overflow) = tally.chunkElements[part.chunk].addingReportingOverflow(part.elements)
      guard !overflow, sum <= plan.volume(ofChunk: part.chunk) else {
        throw refusal("holds more elements of a chunk than it has")
      }
      tally.add(UnitTally.share(part), ofTensor: record.unit.tensor)
    }
    var rest = record.tally
    rest.chunks = []
    tally.add(rest, ofTensor: record.unit.tensor)
    bytes += plan.whole[record.unit.tensor].storedBytes(of: record.unit.elements).count
  }

  private func refusal(_ message: String) -> MimoError {
    MimoError(.invalidInput, message, path: path, remedy: "--restart begins anew")
  }
}

extension UnitTally {
  /// One chunk's share alone.
  fileprivate static func share(_ chunk: Chunk) -> UnitTally {
    var tally = UnitTally()
    tally.chunks = [chunk]
    return tally
  }
}
