import MimoCheckpoints
import MimoJSON
import MimoSystem
import MimoTransfer

/// `conversion_report.json`: what was converted into what, element for element accounted for.
package struct ConversionReport: Sendable {
  /// A tensor of the Hugging Face side.
  package struct Source: Sendable {
    package var name: String
    package var dtype: String
    package var shape: [Int]
    /// CRC-64/NVME of its bytes, row-major.
    package var digest: UInt64
  }

  /// A tensor of the Megatron side.
  package struct Target: Sendable {
    package var name: String
    package var dtype: String
    package var shape: [Int]
    package var sources: [String]
    /// Positions in `chunks`; empty when they were read, not written.
    package var chunks: Range<Int>
  }

  /// The chunks of OUT. There may be millions: the plan's own list is shared, not copied.
  struct Chunks: Sendable {
    var catalog: StoredCatalog
    /// Paths in OUT, parallel to the catalog's files.
    var paths: [String]
    /// CRC-32 (zip's) of the elements of each chunk, row-major.
    var digests: [UInt32]
  }

  package struct DTypeChange: Sendable {
    package var tensor: String
    package var from: String
    package var to: String
  }

  /// Elements that the way back would not restore.
  package struct Loss: Sendable {
    package var tensor: String
    package var elements: Int
    package var of: Int
    package var cause: LossCause
  }

  /// Tensors of OUT that were read again before it appeared, and held against one checkpoint that they are from.
  package struct ReadAgain: Sendable {
    package var path: String
    /// The one that was taken from there; nil for what was not spliced.
    package var component: String?
    /// Tensors whose digest is that of the source.
    package var equal = 0
    /// Tensors whose dtype changed, so that no digest of the source tells of them.
    package var changed = 0
  }

  package struct Checkpoint: Sendable {
    package var path: String
    package var format: String
    package var bytes: UInt64
  }

  package var hostVersion: String
  package var command: [String]
  package var plugin: (family: String, version: String)
  package var source: Checkpoint
  package var output: Checkpoint
  package var layout: JSONValue
  package var planHash: UInt64
  /// The tensors that `sources` lists are those of Hugging Face, or parameters where neither side has Hugging Face's.
  package var digestsAreOfParameters = false
  package var sources: [Source] = []
  package var targets: [Target] = []
  var chunks: Chunks?
  /// All files of OUT but for the report.
  package var files: [ReportedFile] = []
  package var omissions: [Omission] = []
  package var dtypeChanges: [DTypeChange] = []
  package var losses: [Loss] = []
  package var notes: [Note] = []
  /// Empty where nothing was spliced.
  package var readAgain: [ReadAgain] = []
  package var bytesRead = 0
  package var bytesWritten = 0
  /// Bytes of Hugging Face tensors that a run before this one had moved; they count as read and written too.
  package var bytesResumed = 0
  /// How long the run took, as far as `covers` says.
  package var seconds = 0.0
  package private(set) var covers = Covered.allButPublication

  /// What of a run its seconds cover. The report in OUT is written before OUT is synced and named.
  package enum Covered: String, Sendable {
    case allButPublication = "all but syncing OUT and giving it its name"
    case all = "all"
  }

  /// The seconds since a run's start, now that OUT is there: for whom the report is shown to.
  mutating func coverWholeRun(since start: Double) {
    seconds = MonotonicClock.seconds() - start
    covers = .all
  }

  package init(
    hostVersion: String, command: [String], plugin: (family: String, version: String), source: Checkpoint,
    output: Checkpoint, layout: JSONValue, planHash: UInt64
  ) {
    self.hostVersion = hostVersion
    self.command = command
    self.plugin = plugin
    self.source = source
    self.output = output
    self.layout = layout
    self.planHash = planHash
  }
}

// MARK: - JSON

extension ConversionReport {
  /// The summary: all but the lists of every file and tensor.
  package var summary: JSONValue {
    .object([
      "schema": .integer(ReportFile.schemaVersion),
      "host": .object(["name": .string("mimo-host"), "version": .string(hostVersion)]),
      "command": .array(command.map { .string($0) }),
      "plugin": .object(["family": .string(plugin.family), "version": .string(plugin.version)]),
      "source": ConversionReport.json(source),
      "output": ConversionReport.json(output),
      "layout": layout,
      "plan_hash": .string(hex(planHash)),
      "tensors": .object(["sources": .integer(sources.count), "targets": .integer(targets.count)]),
      "digests_of": .string(digestsAreOfParameters ? "megatron_parameters" : "hugging_face_tensors"),
      "omissions": .array(omissions.map(\.json)),
      "dtype_changes": .array(dtypeChanges.map(ConversionReport.json)),
      "lossy": .array(losses.map(ConversionReport.json)),
      "notes": .array(notes.map { .string($0.text) }),
      "read_again": .array(readAgain.map(ConversionReport.json)),
      "bytes_read": .integer(bytesRead),
      "bytes_written": .integer(bytesWritten),
      "bytes_resumed": .integer(bytesResumed),
      "seconds": .double((seconds * 1000).rounded() / 1000),
      "seconds_cover": .string(covers.rawValue),
      "peak_memory_bytes": ProcessUsage.peakResidentBytes.map { .integer($0) } ?? .null,
    ])
  }

  private static func json(_ checkpoint: Checkpoint) -> JSONValue {
    .object([
      "path": .string(checkpoint.path), "format": .string(checkpoint.format),
      "bytes": .integer(Int(clamping: checkpoint.bytes)),
    ])
  }

  private static func json(_ read: ReadAgain) -> JSONValue {
    .object([
      "from": .string(read.path), "component": read.component.map { .string($0) } ?? .null,
      "equal": .integer(read.equal), "changed_dtype": .integer(read.changed),
    ])
  }

  private static func json(_ change: DTypeChange) -> JSONValue {
    .object(["tensor": .string(change.tensor), "from": .string(change.from), "to": .string(change.to)])
  }

  private static func json(_ loss: Loss) -> JSONValue {
    .object([
      "tensor": .string(loss.tensor), "kernel": loss.cause.kernel.map { .string($0) } ?? .null,
      "dtype": .string(loss.cause.dtype), "kept_by": loss.cause.keptBy.map { .string($0) } ?? .null,
      "elements": .integer(loss.elements), "of": .integer(loss.of),
    ])
  }
}
