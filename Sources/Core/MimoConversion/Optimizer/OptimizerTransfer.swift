import MimoCheckpoints
import MimoContainers
import MimoMapping
import MimoSystem
import MimoTensor
import MimoTransfer

/// How an optimizer's state goes where its parameters go.
package struct OptimizerTransfer {
  /// What OUT has of it.
  let state: OptimizerState
  /// For each target of OUT with its state behind it, the source's.
  let origins: [Int]
  /// Targets of the source that have no place in OUT, and why.
  let drops: [(target: Int, reason: String)]
  let weights: Weights
  let settings: Settings

  /// What OUT has as weights.
  enum Weights: Equatable {
    /// Those of the source, in their dtypes.
    case asStored
    /// Masters from the optimizer instead of so many weights that were rounded from them.
    case masters(Int)
    /// Those of the source, rounded to the model's dtype; their masters lie beside them.
    case rounded
  }

  /// What OUT tells of the optimizer beside tensors that are like parameters.
  enum Settings {
    /// What the source tells, as it is.
    case asBefore
    /// Entries of `fsdp_dtensor`: those of the groups, and others.
    case entries(OptimizerGroups, others: [DistOutput.Entry])
    /// Entries of the common state, by key, and what `content_metadata` says of them.
    case common([PicklePair], content: [PicklePair])
  }

  /// Under the keys that it has.
  init(of stored: StoredCheckpoint, along weights: TargetMatch, to model: ModelDescription) throws(MimoError) {
    state = stored.optimizer.following(weights.origins)
    let match = state.kinds.isEmpty ? weights : try TargetMatch(stored.description, to: state.added(to: model))
    (origins, drops) = (match.origins, match.drops)
    self.weights = .asStored
    settings = .asBefore
  }

  /// Under other keys.
  init(
    _ crossing: OptimizerState.Crossing, drops: [(target: Int, reason: String)], _ weights: Weights,
    _ settings: Settings
  ) {
    state = crossing.state
    origins = crossing.origins
    self.drops = drops
    self.weights = weights
    self.settings = settings
  }

  /// Whether OUT tells in another form what the source tells in an entry.
  func tells(of key: String, in checkpoint: DistCheckpoint?) -> Bool {
    guard case .common = settings else { return false }
    if let tensor = checkpoint?[tensor: key] { return FSDPTrainingEntries.isStep(tensor) }
    return FSDPTrainingEntries.tells(key)
  }

  /// The dtype to write weights in; nil for that of the source.
  ///
  /// Where their masters are written beside them, they are the model's own dtype, as a trainer rounds them.
  func dtype(of config: ModelConfig, asked: DType?) throws(MimoError) -> DType? {
    guard weights == .rounded else { return asked }
    return try config.dtype(asked: asked)
  }

  /// Weights of OUT are masters in F32.
  var writesMasters: Bool { if case .masters = weights { true } else { false } }

  /// What the user should know.
  var notes: [Note] {
    guard case .masters(let count) = weights, count > 0 else { return [] }
    return [
      Note(
        .weights,
        "\(counted(count, "weight")) of OUT come from the FP32 masters of the source's optimizer, as Megatron-FSDP keeps"
          + " them; the source's own, rounded from these, are not read")
    ]
  }
}
