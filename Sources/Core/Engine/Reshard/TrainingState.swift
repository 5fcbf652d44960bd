import MimoContainers
import MimoParallel
import MimoSystem

/// What a distributed checkpoint says of the training beside its tensors: iteration, common state, train state.
struct TrainingState: Sendable {
  /// nil is a release.
  let iteration: Int?
  /// `common.pt`.
  let common: [UInt8]
  /// `train_state.pt`.
  let train: [UInt8]
  /// The optimizer's state lies in the checkpoint.
  let hasOptimizer: Bool
  /// What of the source's state is no data, and so does not travel.
  var omissions: [Omission] = []

  /// That of weights which no training has touched.
  static func beginning() throws(MimoError) -> TrainingState {
    TrainingState(
      iteration: 0, common: DistCheckpointCompanions.commonFile(DistCheckpointCompanions.commonState()),
      train: try DistCheckpointCompanions.trainState(), hasOptimizer: false)
  }

  /// That of a source, for weights that lie in another layout now.
  ///
  /// - Parameters:
  ///   - optimizer: how the optimizer's tensors come along, so what belongs to them does; nil where they do not.
  ///   - weightsOnly: the user wants nothing but weights.
  static func read(
    from checkpoint: DistCheckpoint, layout: ComponentLayout, optimizer: OptimizerTransfer?, weightsOnly: Bool
  ) throws(MimoError) -> TrainingState {
    let iteration = iteration(of: checkpoint.path)
    var omissions: [Omission] = []
    var common = try commonState(of: checkpoint, iteration: iteration ?? 0, weightsOnly: weightsOnly, &omissions)
    if checkpoint.kind == .plain, let arguments = checkpoint[object: "args"] {
      common.addData("args", try checkpoint.read(arguments).value)
    }
    if optimizer == nil { common.remove(["optimizer"]) }
    if case .common(let pairs, let content)? = optimizer?.settings { common.tell(pairs, content: content) }
    if weightsOnly { common.remove(["opt_param_scheduler", "rerun_state_machine"]) }
    common.moved(to: layout, keepsOptimizer: optimizer != nil)
    let train = try trainState(in: checkpoint.path, &omissions)
    let fresh = try DistCheckpointCompanions.trainState(step: iteration ?? 0)
    return TrainingState(
      iteration: iteration, common: common.encoded, train: train ?? fresh, hasOptimizer: optimizer != nil,
      omissions: common.omissions + omissions)
  }

  /// The data of a checkpoint's common state; one of weights alone where it has none.
  private static func commonState(
    of checkpoint: DistCheckpoint, iteration: Int, weightsOnly: Bool, _ omissions: inout [Omission]
  ) throws(MimoError) -> CommonState {
    guard let common = try CommonState(checkpoint) else { return CommonState(iteration: iteration) }
    if common.hasIteration { return common }
    guard weightsOnly else {
      throw MimoError(
        .invalidInput, "the common state has no iteration that can be read, so no trainer can go on from it",
        path: checkpoint.path, remedy: "--weights-only leaves it behind and writes one for the weights alone")
    }
    omissions.append(Omission(name: CommonState.name, bytes: 0, reason: "it has no iteration that can be read"))
    return CommonState(iteration: iteration)
  }

  /// The data of `train_state.pt`, written anew; nil where there is none, or something else than data.
  private static func trainState(
    in folder: String, _ omissions: inout [Omission]
  ) throws(MimoError) -> [UInt8]? {
    let name = "train_state.pt"
    let path = FileSystem.join(folder, name)
    guard try FileSystem.exists(path) else { return nil }
    let source = try PosixByteSource(path: path)
    let object = try TorchObject(file: source)
    let storages = try object.storages(in: source)
    guard let part = object.value.foreignPart(storageCount: storages.count) else {
      return TorchZipItem.object(object.value, storages: storages, root: "train_state")
    }
    omissions.append(Omission(name: name, bytes: Int(clamping: source.size), reason: PickleData.reason(part)))
    return nil
  }

  /// That of a legacy checkpoint: its optimizer's state does not come along.
  static func read(from checkpoint: LegacyCheckpoint, layout: ComponentLayout) throws(MimoError) -> TrainingState {
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
  static func iteration(of folder: String) -> Int? {
    let name = FileSystem.split(folder).name
    if name == "release" { return nil }
    guard name.hasPrefix("iter_"), let number = Int(name.dropFirst("iter_".count)) else { return 0 }
    return number
  }
}
