import MimoCheckpoints
import MimoContainers
import MimoMapping
import MimoParallel
import MimoSystem
import MimoTensor
import MimoTransfer

/// Which way an optimizer's state takes, and the ways on which it has other keys and settings in OUT than in the source.
extension OptimizerTransfer {
  /// Whether both formats can hold such state parameter by parameter, and it is wanted.
  static func isWanted(
    _ request: ConversionRequest, from source: CheckpointFormat, to format: OutputFormat
  ) -> Bool {
    guard !request.weightsOnly, source == .dist || source == .fsdpDTensor else { return false }
    return switch format {
    case .mimo, .megatron, .fsdpDTensor: true
    case .ranks, .prime: false
    }
  }

  /// - Parameters:
  ///   - model: OUT's, without state.
  ///   - prefixes: of each component's names.
  static func find(
    _ stored: StoredCheckpoint, _ weights: TargetMatch, _ model: ModelDescription, prefixes: [String],
    to format: OutputFormat, in cluster: ClusterLayout
  ) throws(MimoError) -> Result<OptimizerTransfer, OptimizerObstacle> {
    let isFSDP = (source: stored.format == .fsdpDTensor, output: format == .fsdpDTensor)
    if let obstacle = try foreignSettings(of: stored) { return .failure(obstacle) }
    let isSingle = cluster.form == .single && stored.naming == .megatron
    if !stored.optimizer.kinds.isEmpty, isFSDP.source || isFSDP.output, !isSingle {
      return .failure(
        OptimizerObstacle("it is not known how the optimizer of a MIMO model under Megatron-FSDP names its parameters"))
    }
    if !stored.optimizer.kinds.isEmpty, isSingle, let layout = cluster.components.first?.layout {
      let situation = Case(stored, weights, model, prefixes, layout)
      if isFSDP.source != isFSDP.output { return try crossing(situation) }
      if !isFSDP.source, let other = try rechaining(situation) { return other }
    }
    return .success(try OptimizerTransfer(of: stored, along: weights, to: model))
  }

  /// Why an optimizer does not come along whose settings are no data: without them a trainer can not go on with it.
  private static func foreignSettings(of stored: StoredCheckpoint) throws(MimoError) -> OptimizerObstacle? {
    guard !stored.optimizer.kinds.isEmpty, let checkpoint = stored.dist else { return nil }
    if stored.format == .fsdpDTensor { return try OptimizerEntries(of: stored)?.obstacle }
    guard let (common, storages) = try checkpoint.commonStateWithStorages(),
      let part = common["optimizer"]?.foreignPart(storageCount: storages.count)
    else { return nil }
    return OptimizerObstacle("the common state's optimizer \(PickleData.reason(part))")
  }

  /// What is known of a conversion between two layouts of a single model.
  private struct Case {
    let stored: StoredCheckpoint
    let weights: TargetMatch
    /// OUT's, without state.
    let model: ModelDescription
    /// Of each component's names.
    let prefixes: [String]
    /// Experts have an optimizer of their own in OUT, where it is no `fsdp_dtensor`.
    let expertsAreApart: Bool

    init(
      _ stored: StoredCheckpoint, _ weights: TargetMatch, _ model: ModelDescription, _ prefixes: [String],
      _ layout: ComponentLayout
    ) {
      self.stored = stored
      self.weights = weights
      self.model = model
      self.prefixes = prefixes
      expertsAreApart = OptimizerGroups.expertsAreApart(in: layout)
    }

    /// Targets of the source's model; those of the state are behind them.
    var count: Int { stored.model.targets.count }
    /// Parallel to OUT's targets: whether the source has state of it.
    var hasState: [Bool] { stored.optimizer.following(weights.origins).holds(model.targets.count) }
  }

  /// Into the other of `torch_dist` and `fsdp_dtensor`.
  private static func crossing(_ situation: Case) throws(MimoError) -> Result<OptimizerTransfer, OptimizerObstacle> {
    guard let checkpoint = situation.stored.dist else {
      return .failure(OptimizerObstacle("the source has no entries of it"))
    }
    let strangers = situation.stored.optimizer.strangers
    guard strangers.isEmpty else {
      return .failure(OptimizerObstacle("the other format has no place for its \(strangers.joined(separator: ", "))"))
    }
    if situation.stored.format == .dist {
      let common = try commonState(of: checkpoint)
      return attempt { () throws(OptimizerObstacle) in try toFSDP(situation, common) }
    }
    let entries = try FSDPTrainingEntries(of: checkpoint)
    return attempt { () throws(OptimizerObstacle) in try toTorchDist(situation, entries) }
  }

  /// From `torch_dist` to `torch_dist` where OUT's trainer has another chain of optimizers than the source's: experts
  /// move to an optimizer of their own, or back. nil where the chain stays, or is of optimizers of several kinds.
  private static func rechaining(_ situation: Case) throws(MimoError) -> Result<OptimizerTransfer, OptimizerObstacle>? {
    guard let checkpoint = situation.stored.dist, situation.stored.optimizer.strangers.isEmpty,
      let common = try commonState(of: checkpoint), let length = OptimizerGroups.chainLength(in: common)
    else { return nil }
    let hasExperts = zip(situation.model.targets, situation.hasState).contains { $0.expert != nil && $1 }
    guard length != (situation.expertsAreApart && hasExperts ? 2 : 1) else { return nil }
    return attempt { () throws(OptimizerObstacle) in try rechained(situation, common) }
  }

  // MARK: -

  private static func toFSDP(
    _ situation: Case, _ common: PickleValue?
  ) throws(OptimizerObstacle) -> OptimizerTransfer {
    let optimizer = situation.stored.optimizer
    let masters = optimizer.masterTargets(behind: situation.count).map { situation.stored.catalog.targets[$0].dtype }
    if let other = masters.first(where: { $0 != .f32 }) {
      throw OptimizerObstacle("its masters are \(other.rawValue), but Megatron-FSDP's weights are F32")
    }
    guard let common else {
      throw OptimizerObstacle("the common state, which has its groups, is not there or holds tensors")
    }
    // Megatron-FSDP's parameters do not say that they are experts': all of them have one optimizer.
    let groups = try OptimizerGroups(common: common, of: situation.model, hasState: situation.hasState)
      .formed(expertsAreApart: false, situation.model)
    let crossing = optimizer.crossingToFSDP(situation.weights.origins, count: situation.count)
    return OptimizerTransfer(
      crossing, drops: situation.weights.drops, .masters(crossing.replaced.count),
      .entries(groups, others: FSDPTrainingEntries.scheduling(in: common)))
  }

  private static func toTorchDist(
    _ situation: Case, _ entries: FSDPTrainingEntries
  ) throws(OptimizerObstacle) -> OptimizerTransfer {
    let groups = try OptimizerGroups(
      fsdp: entries, of: situation.model, prefixes: situation.prefixes, hasState: situation.hasState
    ).formed(expertsAreApart: situation.expertsAreApart, situation.model)
    let crossing = situation.stored.optimizer.crossingToTorchDist(situation.weights.origins, count: situation.count)
    return OptimizerTransfer(
      crossing, drops: situation.weights.drops, .rounded,
      .common(
        [PicklePair(.string("optimizer"), groups.common(like: nil))] + entries.common,
        content: OptimizerGroups.fullyReshardable))
  }

  private static func rechained(
    _ situation: Case, _ common: PickleValue
  ) throws(OptimizerObstacle) -> OptimizerTransfer {
    guard !OptimizerGroups.numberParameters(in: common) else {
      throw OptimizerObstacle(
        "experts have an optimizer of their own in only one of the layouts, and its groups number their parameters")
    }
    let groups = try OptimizerGroups(common: common, of: situation.model, hasState: situation.hasState)
      .formed(expertsAreApart: situation.expertsAreApart, situation.model)
    let crossing = situation.stored.optimizer.unchained(situation.weights.origins, count: situation.count)
    return OptimizerTransfer(
      crossing, drops: situation.weights.drops, .asStored,
      .common([PicklePair(.string("optimizer"), groups.common(like: common))], content: OptimizerGroups.withoutPrefix))
  }

  /// nil where there is none, or one that holds tensors which are no numbers.
  private static func commonState(of checkpoint: DistCheckpoint) throws(MimoError) -> PickleValue? {
    guard let (value, storages) = try checkpoint.commonStateWithStorages(),
      case .dict(let entries)? = value.withNumbers(from: storages)
    else { return nil }
    var omissions: [Omission] = []
    return .dict(PickleData(storageCount: 0).entries(entries, of: CommonState.name, &omissions))
  }

  private static func attempt(
    _ body: () throws(OptimizerObstacle) -> OptimizerTransfer
  ) -> Result<OptimizerTransfer, OptimizerObstacle> {
    do throws(OptimizerObstacle) {
      return .success(try body())
    } catch {
      return .failure(error)
    }
  }
}
