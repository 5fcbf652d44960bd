import MimoContainers
import MimoParallel
import MimoSystem
import MimoTransfer

/// What a distributed checkpoint says of the training beside its tensors: iteration, common state, train state.
package struct TrainingState: Sendable {
  /// nil is a release.
  let iteration: Int?
  /// `common.pt`.
  let common: [UInt8]
  /// `train_state.pt`.
  let train: [UInt8]
  /// The optimizer's state lies in the checkpoint.
  let hasOptimizer: Bool
  /// What of the source's state is no data, and so does not travel.
  package var omissions: [Omission] = []

  package init(iteration: Int?, common: [UInt8], train: [UInt8], hasOptimizer: Bool, omissions: [Omission] = []) {
    self.iteration = iteration
    self.common = common
    self.train = train
    self.hasOptimizer = hasOptimizer
    self.omissions = omissions
  }

  /// That of weights which no training has touched.
  package static func beginning() throws(MimoError) -> TrainingState {
    TrainingState(
      iteration: 0, common: DistCheckpointCompanions.commonFile(DistCheckpointCompanions.commonState()),
      train: try DistCheckpointCompanions.trainState(), hasOptimizer: false)
  }

  /// That of a legacy checkpoint: its optimizer's state does not come along.
  package static func read(from checkpoint: LegacyCheckpoint, layout: ComponentLayout) throws(MimoError) -> TrainingState {
    let iteration = iteration(of: checkpoint.path)
    var common = CommonState(iteration: iteration ?? 0)
    if let part = checkpoint.parts.first {
      let rank = try LegacyRank(path: FileSystem.join(checkpoint.path, part.name))
      if let arguments = rank.arguments { common.addData("args", arguments) }
    }
    common.moved(to: layout, keepsOptimizer: false)
    return TrainingState(
      iteration: iteration, common: common.encoded,
      train: try DistCheckpointCompanions.trainState(step: iteration ?? 0), hasOptimizer: false,
      omissions: common.omissions)
  }

  /// By the folder's name; 0 where it does not tell.
  package static func iteration(of folder: String) -> Int? {
    let name = FileSystem.split(folder).name
    if name == "release" { return nil }
    guard name.hasPrefix("iter_"), let number = Int(name.dropFirst("iter_".count)) else { return 0 }
    return number
  }
}
