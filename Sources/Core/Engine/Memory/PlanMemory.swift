import MimoMapping
import MimoParallel
import MimoPlan
import MimoSystem
import MimoTensor

/// What a plan and the run that follows it take of memory beside buffers, by counts that are known before the plan is built.
///
/// The numbers of bytes are measured (`docs/trust.md`, Memory), and rounded up.
package struct PlanMemory: Sendable {
  /// A stored piece of a parameter in the plan: its box and place, and its item.
  private static let chunk = 225
  /// The same where it is proven that the pieces of a parameter tile it, parameter after parameter.
  private static let provenChunk = 800
  /// The same in a run: its sums, its entry in `.metadata` as it is written and read back, and in the report.
  private static let writtenChunk = 1200
  /// A chunk that is read: its sums.
  private static let readChunk = 60
  /// A tensor of a rank's file.
  private static let held = 430
  /// A rank: which file is its own; under Megatron-FSDP also what the ledger sums up.
  private static let rank = 8
  private static let sharingRank = 56
  /// A file in the plan, and once it is open.
  private static let file = 110
  private static let openFile = 400
  /// A parameter, and a part of it that is made of one tensor: moves and their proof.
  private static let target = 500
  private static let fragment = 300
  /// What a rank holds of a parameter, as a table shows it.
  private static let shard = 2400
  /// A window in the list of what is to be done, and in the journal.
  private static let unit = 120

  /// Bytes resident when this was computed: the program, the description and the source's index.
  package let resident: Int
  /// Bytes that making the plan takes beyond that.
  package let planning: Int
  /// Bytes that its run takes beyond that.
  package let running: Int

  /// All that is taken beside buffers; reading the source may have taken more.
  package let bytes: Int

  /// - Parameter planning: bytes that are still to be taken before anything moves.
  init(planning: Int = 0, running: Int = 0) {
    resident = ProcessUsage.residentBytes ?? 0
    self.planning = planning
    self.running = running
    bytes = max(ProcessUsage.peakResidentBytes ?? 0, resident + planning + running)
  }

  /// Of a run whose plan is there.
  init(units: Int) { self.init(running: PlanMemory.unit * units) }

  /// Of a table of what so many ranks hold of so many parameters, and its text.
  init(shards ranks: Int, of parameters: Int) { self.init(planning: PlanMemory.shard * ranks * parameters) }

  /// Of a plan to write a format with ranks.
  ///
  /// - Parameters:
  ///   - gathered: chunks that are read, where neither side is a Hugging Face folder.
  ///   - units: windows.
  init(writing format: ImportPlan.Format, _ layout: ModelLayout, gathered: Int = 0, units: Int) {
    let counts = zip(layout.description.targets, layout.shardings).map { $1.chunkCount(format, $0) }
    let chunks = counts.reduce(0, +)
    let ranks = layout.cluster.worldSize
    let files = min(ranks, chunks + 1)
    self.init(
      planning: PlanMemory.chunk * chunks + PlanMemory.provenChunk * (counts.max() ?? 0)
        + (format == .ranks ? PlanMemory.held * chunks : 0)
        + (format == .fsdpDTensor ? PlanMemory.sharingRank : PlanMemory.rank) * ranks + PlanMemory.file * files
        + PlanMemory.parameters(of: layout.description),
      running: PlanMemory.writtenChunk * chunks + PlanMemory.readChunk * gathered + PlanMemory.openFile * files
        + PlanMemory.unit * units)
  }

  /// Of a plan to read chunks into whole tensors.
  init(reading stored: StoredCatalog, _ description: ModelDescription, units: Int) {
    self.init(
      planning: PlanMemory.parameters(of: description),
      running: PlanMemory.readChunk * stored.chunks.count + PlanMemory.openFile * stored.files.count
        + PlanMemory.unit * units)
  }

  private static func parameters(of description: ModelDescription) -> Int {
    description.targets.reduce(0) { $0 + target + fragment * $1.fragments.count }
  }
}

extension Sharding {
  /// Stored pieces in a format: as many as its plan will have, or a few more.
  fileprivate func chunkCount(_ format: ImportPlan.Format, _ target: TargetDeclaration) -> Int {
    switch format {
    case .mimo, .megatron, .fsdpDTensor: pieceCount
    case .ranks: holderCount * max(1, target.placement.segments.count)
    case .prime: 1
    }
  }
}

extension WholeTensor {
  /// The targets of a model as whole tensors without a place, by which windows are counted before there is a plan.
  static func standIns(_ description: ModelDescription, _ dtypes: [DType]) -> [WholeTensor] {
    zip(description.targets, dtypes).map { target, dtype in
      WholeTensor(name: "", dtype: dtype, shape: target.shape, file: 0, offset: 0)
    }
  }
}
