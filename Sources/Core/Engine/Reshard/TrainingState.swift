import MimoFormats
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
    var common = try CommonState(checkpoint) ?? CommonState(iteration: iteration ?? 0)
    if checkpoint.kind == .plain, let arguments = checkpoint[object: "args"] {
      common.add("args", try checkpoint.read(arguments).value)
    }
    if optimizer == nil { common.remove(["optimizer"]) }
    if case .common(let pairs, let content)? = optimizer?.settings { common.tell(pairs, content: content) }
    if weightsOnly { common.remove(["opt_param_scheduler", "rerun_state_machine"]) }
    common.moved(to: layout, keepsOptimizer: optimizer != nil)
    let train = FileSystem.join(checkpoint.path, "train_state.pt")
    return TrainingState(
      iteration: iteration, common: common.encoded,
      train: try FileSystem.exists(train)
        ? FileSystem.readSmallFile(train) : DistCheckpointCompanions.trainState(step: iteration ?? 0),
      hasOptimizer: optimizer != nil)
  }

  /// That of a legacy checkpoint: its optimizer's state does not come along.
  static func read(from checkpoint: LegacyCheckpoint, layout: ComponentLayout) throws(MimoError) -> TrainingState {
    let iteration = iteration(of: checkpoint.path)
    var common = CommonState(iteration: iteration ?? 0)
    if let part = checkpoint.parts.first {
      let rank = try LegacyRank(path: FileSystem.join(checkpoint.path, part.name))
      if let arguments = rank.arguments { common.add("args", arguments) }
    }
    common.moved(to: layout, keepsOptimizer: false)
    return TrainingState(
      iteration: iteration, common: common.encoded,
      train: try DistCheckpointCompanions.trainState(step: iteration ?? 0), hasOptimizer: false)
  }

  /// By the folder's name; 0 where it does not tell.
  static func iteration(of folder: String) -> Int? {
    let name = FileSystem.split(folder).name
    if name == "release" { return nil }
    guard name.hasPrefix("iter_"), let number = Int(name.dropFirst("iter_".count)) else { return 0 }
    return number
  }
}

/// megatron-core's common state as data, with the tensors in it.
private struct CommonState {
  private var entries: [PicklePair]
  private let storages: [[UInt8]]

  /// Of weights alone.
  init(iteration: Int) {
    guard case .dict(let entries) = DistCheckpointCompanions.commonState(iteration: iteration) else {
      self.entries = []
      storages = []
      return
    }
    self.entries = entries
    storages = []
  }

  /// nil when the checkpoint has none.
  init?(_ checkpoint: DistCheckpoint) throws(MimoError) {
    guard let (value, storages) = try checkpoint.commonStateWithStorages() else { return nil }
    guard case .dict(let entries) = value else {
      throw MimoError(.invalidInput, "the common state is no dict", path: checkpoint.path)
    }
    self.entries = entries
    self.storages = storages
  }

  var encoded: [UInt8] { TorchZipItem.object(.dict(entries), storages: storages, root: "common") }

  mutating func add(_ key: String, _ value: PickleValue) { entries.append(PicklePair(.string(key), value)) }

  /// Tells of an optimizer whose state came from another format.
  mutating func tell(_ pairs: [PicklePair], content: [PicklePair]) {
    remove(Set(pairs.compactMap(\.key.stringValue)))
    entries += pairs
    change("content_metadata") { metadata in
      guard case .dict(var fields) = metadata else { return metadata }
      fields.removeAll { field in content.contains { $0.key == field.key } }
      return .dict(content + fields)
    }
  }

  mutating func remove(_ keys: Set<String>) {
    entries.removeAll { pair in
      if case .string(let key) = pair.key { keys.contains(key) } else { false }
    }
  }

  /// Tells a trainer the layout that the weights have now, and that the random state of the former ranks is not there.
  ///
  /// Source: Megatron-LM `load_checkpoint`: it asks for random state where `args` have the running layout, and for the
  /// optimizer unless they have `no_save_optim`; `content_metadata` says how keys are formed.
  mutating func moved(to layout: ComponentLayout, keepsOptimizer: Bool) {
    change("args") { args in
      guard case .object(var namespace) = args, case .dict(var fields)? = namespace.state else { return args }
      let sizes = [
        ("tensor_model_parallel_size", layout.tp), ("pipeline_model_parallel_size", layout.pp),
        ("context_parallel_size", layout.cp), ("expert_model_parallel_size", layout.ep),
        ("expert_tensor_parallel_size", layout.etp),
      ]
      for (name, size) in sizes { CommonState.set(name, .int(Int64(size)), in: &fields, onlyIfPresent: true) }
      CommonState.set("no_save_rng", .bool(true), in: &fields)
      if !keepsOptimizer { CommonState.set("no_save_optim", .bool(true), in: &fields) }
      namespace.state = .dict(fields)
      return .object(namespace)
    }
    change("content_metadata") { metadata in
      guard case .dict(var fields) = metadata else { return metadata }
      CommonState.set("singleton_local_shards", .bool(false), in: &fields, onlyIfPresent: true)
      fields.removeAll { $0.key == .string("non_homogeneous_layers") }
      return .dict(fields)
    }
  }

  private mutating func change(_ key: String, _ body: (PickleValue) -> PickleValue) {
    for index in entries.indices where entries[index].key == .string(key) { entries[index].value = body(entries[index].value) }
  }

  private static func set(
    _ name: String, _ value: PickleValue, in fields: inout [PicklePair], onlyIfPresent: Bool = false
  ) {
    if let index = fields.firstIndex(where: { $0.key == .string(name) }) {
      fields[index].value = value
    } else if !onlyIfPresent {
      fields.append(PicklePair(.string(name), value))
    }
  }
}
