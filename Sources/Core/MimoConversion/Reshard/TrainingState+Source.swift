import MimoCheckpoints
import MimoContainers
import MimoParallel
import MimoSystem
import MimoTransfer

extension TrainingState {
  /// That of a source, for weights that lie in another layout now.
  ///
  /// - Parameters:
  ///   - optimizer: how the optimizer's tensors come along, so what belongs to them does; nil where they do not.
  ///   - weightsOnly: the user wants nothing but weights.
  package static func read(
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
}
