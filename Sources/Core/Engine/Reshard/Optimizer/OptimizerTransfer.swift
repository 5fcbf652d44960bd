import MimoFormats
import MimoMapping
import MimoParallel
import MimoPlan
import MimoSystem
import MimoTensor

/// How an optimizer's state goes where its parameters go.
struct OptimizerTransfer {
  /// What OUT has of it.
  let state: OptimizerState
  /// For each target of OUT with its state behind it, the source's.
  let origins: [Int]
  /// Targets of the source that have no place in OUT, and why.
  let drops: [(target: Int, reason: String)]
  /// What OUT tells of the training beside tensors that are like parameters.
  let beside: Beside
  let weights: Weights

  enum Beside {
    /// What the source tells, as it is.
    case asBefore
    /// Entries of `fsdp_dtensor`.
    case entries([DistOutput.Entry])
    /// Entries of the common state, by key, and what `content_metadata` says of them.
    case common([PicklePair], content: [PicklePair])
  }

  /// What OUT has as weights.
  enum Weights: Equatable {
    /// Those of the source, in their dtypes.
    case asStored
    /// Masters from the optimizer instead of so many weights that were rounded from them.
    case masters(Int)
    /// Those of the source, rounded to the model's dtype; their masters lie beside them.
    case rounded
  }

  /// Under the keys that it has.
  init(of stored: StoredCheckpoint, along weights: TargetMatch, to model: ModelDescription) throws(MimoError) {
    state = stored.optimizer.following(weights.origins)
    let match = state.kinds.isEmpty ? weights : try TargetMatch(stored.description, to: state.added(to: model))
    (origins, drops) = (match.origins, match.drops)
    beside = .asBefore
    self.weights = .asStored
  }

  private init(
    _ crossing: OptimizerState.Crossing, drops: [(target: Int, reason: String)], _ weights: Weights, _ beside: Beside
  ) {
    state = crossing.state
    origins = crossing.origins
    self.weights = weights
    self.drops = drops
    self.beside = beside
  }

  /// Into the other of `torch_dist` and `fsdp_dtensor`.
  ///
  /// - Parameters:
  ///   - prefixes: of each component's names.
  ///   - layout: of the single model in OUT.
  static func crossing(
    from stored: StoredCheckpoint, along weights: TargetMatch, to model: ModelDescription, prefixes: [String],
    in layout: ComponentLayout
  ) throws(MimoError) -> Result<OptimizerTransfer, OptimizerObstacle> {
    guard let checkpoint = stored.dist else { return .failure(OptimizerObstacle("the source has no entries of it")) }
    if case let strangers = stored.optimizer.strangers, !strangers.isEmpty {
      return .failure(OptimizerObstacle("the other format has no place for its \(strangers.joined(separator: ", "))"))
    }
    return switch stored.format {
    case .dist: try toFSDP(stored, checkpoint, weights, model, prefixes)
    default: try toTorchDist(stored, checkpoint, weights, model, prefixes, layout)
    }
  }

  /// Whether OUT tells in another form what the source tells in an entry.
  func tells(of key: String, in checkpoint: DistCheckpoint?) -> Bool {
    guard case .common = beside else { return false }
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
  var notes: [String] {
    guard case .masters(let count) = weights else { return [] }
    return [
      "\(count) weights are the FP32 masters of the source's optimizer, as Megatron-FSDP keeps them;"
        + " the source's own, rounded from these, are not read"
    ]
  }

  // MARK: torch_dist -> fsdp_dtensor

  private static func toFSDP(
    _ stored: StoredCheckpoint, _ checkpoint: DistCheckpoint, _ weights: TargetMatch, _ model: ModelDescription,
    _ prefixes: [String]
  ) throws(MimoError) -> Result<OptimizerTransfer, OptimizerObstacle> {
    let count = stored.model.targets.count
    let masters = stored.optimizer.masterTargets(behind: count).map { stored.catalog.targets[$0].dtype }
    if let other = masters.first(where: { $0 != .f32 }) {
      return .failure(OptimizerObstacle("its masters are \(other.rawValue), but Megatron-FSDP's weights are F32"))
    }
    let told = try checkpoint.commonStateWithStorages()
    guard let common = told?.value.withNumbers(from: told?.storages ?? []) else {
      return .failure(OptimizerObstacle("the common state, which has its groups, is not there or holds tensors"))
    }
    let crossing = stored.optimizer.crossingToFSDP(weights.origins, count: count)
    // Megatron-FSDP's parameters do not say that they are experts': all of them have one optimizer.
    switch groups(model, expertsAreApart: false, { () throws(OptimizerObstacle) in
      let held = stored.optimizer.following(weights.origins).holds(model.targets.count)
      return try OptimizerGroups(common: common, of: model, hasState: held)
    }) {
    case .failure(let obstacle): return .failure(obstacle)
    case .success(let groups):
      let entries = try groups.entries(of: model, prefixes: prefixes) + FSDPTrainingEntries.scheduling(in: common)
      return .success(OptimizerTransfer(crossing, drops: weights.drops, .masters(crossing.replaced.count), .entries(entries)))
    }
  }

  // MARK: fsdp_dtensor -> torch_dist

  private static func toTorchDist(
    _ stored: StoredCheckpoint, _ checkpoint: DistCheckpoint, _ weights: TargetMatch, _ model: ModelDescription,
    _ prefixes: [String], _ layout: ComponentLayout
  ) throws(MimoError) -> Result<OptimizerTransfer, OptimizerObstacle> {
    let entries = try FSDPTrainingEntries(of: checkpoint)
    let crossing = stored.optimizer.crossingToTorchDist(weights.origins, count: stored.model.targets.count)
    switch groups(model, expertsAreApart: OptimizerGroups.expertsAreApart(in: layout), { () throws(OptimizerObstacle) in
      let held = stored.optimizer.following(weights.origins).holds(model.targets.count)
      return try OptimizerGroups(fsdp: entries, of: model, prefixes: prefixes, hasState: held)
    }) {
    case .failure(let obstacle): return .failure(obstacle)
    case .success(let groups):
      var pairs = [PicklePair(.string("optimizer"), groups.common(like: nil))]
      if !entries.scheduler.isEmpty { pairs.append(PicklePair(.string("opt_param_scheduler"), .dict(entries.scheduler))) }
      if let operations = entries.floatingPointOperations {
        pairs.append(PicklePair(.string(FSDPTrainingEntries.operationsKey), operations))
      }
      return .success(
        OptimizerTransfer(
          crossing, drops: weights.drops, .rounded, .common(pairs, content: OptimizerGroups.fullyReshardable)))
    }
  }

  // MARK: torch_dist -> torch_dist

  /// Where OUT's trainer has another chain of optimizers than the source's: experts move to an optimizer of their own, or
  /// back. nil where the chain stays, or is of optimizers of several kinds.
  static func rechaining(
    _ stored: StoredCheckpoint, along weights: TargetMatch, to model: ModelDescription, in layout: ComponentLayout
  ) throws(MimoError) -> Result<OptimizerTransfer, OptimizerObstacle>? {
    let told = try stored.dist?.commonStateWithStorages()
    guard stored.optimizer.strangers.isEmpty, let common = told?.value.withNumbers(from: told?.storages ?? [])
    else { return nil }
    let held = stored.optimizer.following(weights.origins).holds(model.targets.count)
    let isApart = OptimizerGroups.expertsAreApart(in: layout) && model.targets.indices.contains { held[$0] && model.targets[$0].expert != nil }
    guard let length = OptimizerGroups.chainLength(in: common), length != (isApart ? 2 : 1) else { return nil }
    guard !OptimizerGroups.numberParameters(in: common) else {
      return .failure(
        OptimizerObstacle("experts have an optimizer of their own in only one of the layouts, and its groups number their parameters"))
    }
    switch groups(model, expertsAreApart: isApart, { () throws(OptimizerObstacle) in
      try OptimizerGroups(common: common, of: model, hasState: held)
    }) {
    case .failure(let obstacle): return .failure(obstacle)
    case .success(let groups):
      let crossing = stored.optimizer.unchained(weights.origins, count: stored.model.targets.count)
      return .success(
        OptimizerTransfer(
          crossing, drops: weights.drops, .asStored,
          .common([PicklePair(.string("optimizer"), groups.common(like: common))], content: OptimizerGroups.withoutPrefix)))
    }
  }

  private static func groups(
    _ model: ModelDescription, expertsAreApart: Bool, _ read: () throws(OptimizerObstacle) -> OptimizerGroups
  ) -> Result<OptimizerGroups, OptimizerObstacle> {
    do throws(OptimizerObstacle) {
      return .success(try read().formed(expertsAreApart: expertsAreApart, model))
    } catch {
      return .failure(error)
    }
  }
}
