import MimoContainers
import MimoParallel
import MimoSystem
import MimoTransfer

/// megatron-core's common state as data, with the tensors in it.
package struct CommonState {
  private(set) var entries: [PicklePair]
  private let storages: [[UInt8]]
  /// Entries that are no data.
  package private(set) var omissions: [Omission] = []

  /// Of weights alone.
  package init(iteration: Int) {
    guard case .dict(let entries) = DistCheckpointCompanions.commonState(iteration: iteration) else {
      self.entries = []
      storages = []
      return
    }
    self.entries = entries
    storages = []
  }

  /// The data of a checkpoint's common state; nil when it has none.
  package init?(_ checkpoint: DistCheckpoint) throws(MimoError) {
    guard let (value, storages) = try checkpoint.commonStateWithStorages() else { return nil }
    guard case .dict(let entries) = value else {
      throw MimoError(.invalidInput, "the common state is no dict", path: checkpoint.path)
    }
    let data = PickleData(storageCount: storages.count)
    self.entries = data.entries(entries, of: CommonState.name, &omissions)
    self.storages = storages
    // It steers which keys a loader asks for.
    if omissions.contains(where: { $0.name == "\(CommonState.name): content_metadata" }) {
      add("content_metadata", DistCheckpointCompanions.commonState()["content_metadata"] ?? .none)
    }
  }

  /// What it is called in reports, as the file that it is written to.
  package static let name = "common.pt"

  /// Whether a loader finds the training's step in it.
  package var hasIteration: Bool { PickleValue.dict(entries)["iteration"]?.intValue.map { $0 >= 0 } ?? false }

  package var encoded: [UInt8] { TorchZipItem.object(.dict(entries), storages: storages, root: "common") }

  mutating func add(_ key: String, _ value: PickleValue) { entries.append(PicklePair(.string(key), value)) }

  /// Adds an entry as far as it is data without tensors.
  package mutating func addData(_ key: String, _ value: PickleValue) {
    entries += PickleData(storageCount: 0).entries([PicklePair(.string(key), value)], of: CommonState.name, &omissions)
  }

  /// Tells of an optimizer whose state came from another format.
  package mutating func tell(_ pairs: [PicklePair], content: [PicklePair]) {
    remove(Set(pairs.compactMap(\.key.stringValue)))
    entries += pairs
    change("content_metadata") { metadata in
      guard case .dict(var fields) = metadata else { return metadata }
      fields.removeAll { field in content.contains { $0.key == field.key } }
      return .dict(content + fields)
    }
  }

  package mutating func remove(_ keys: Set<String>) {
    entries.removeAll { pair in
      if case .string(let key) = pair.key { keys.contains(key) } else { false }
    }
  }

  /// Tells a trainer the layout that the weights have now, and that the random state of the former ranks is not there.
  ///
  /// Source: Megatron-LM `load_checkpoint`: it asks for random state where `args` have the running layout, and for the
  /// optimizer unless they have `no_save_optim`; `content_metadata` says how keys are formed.
  package mutating func moved(to layout: ComponentLayout, keepsOptimizer: Bool) {
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
