import MimoMapping
import MimoParallel
import MimoTensor
import MimoTransfer

extension PlanMemory {
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

  /// Of a plan to write a format with ranks.
  ///
  /// - Parameters:
  ///   - gathered: chunks that are read, where neither side is a Hugging Face folder.
  ///   - units: windows.
  package init(writing format: OutputFormat, _ layout: ModelLayout, gathered: Int = 0, units: Int) {
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
  package init(reading stored: StoredCatalog, _ description: ModelDescription, units: Int) {
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
  fileprivate func chunkCount(_ format: OutputFormat, _ target: TargetDeclaration) -> Int {
    switch format {
    case .mimo, .megatron, .fsdpDTensor: pieceCount
    case .ranks: holderCount * max(1, target.placement.segments.count)
    case .prime: 1
    }
  }
}

extension WholeTensor {
  /// The targets of a model as whole tensors without a place, by which windows are counted before there is a plan.
  package static func standIns(_ description: ModelDescription, _ dtypes: [DType]) -> [WholeTensor] {
    zip(description.targets, dtypes).map { target, dtype in
      WholeTensor(name: "", dtype: dtype, shape: target.shape, file: 0, offset: 0)
    }
  }
}
