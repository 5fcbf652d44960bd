import MimoContainers
import MimoMapping
import MimoParallel
import MimoSystem
import MimoTensor
import MimoTransfer

/// A checkpoint in Megatron's old format held against what each rank's module must hold.
package struct LegacySource: Sendable {
  package let layout: ModelLayout
  package private(set) var catalog = StoredCatalog()
  /// What is no weight: by the name of its entry or file.
  package let leftBehind: [String]

  private let ranks: LegacyRanks

  /// Throws for a file that is missing, a tensor that is missing, unknown or of another shape.
  package init(
    _ checkpoint: LegacyCheckpoint, description: ModelDescription, components: [(name: String, prefix: String)]
  ) throws(MimoError) {
    ranks = try LegacyRanks(checkpoint)
    let fitted = LegacySource.fitVocabulary(description, components, to: ranks)
    layout = try ModelLayout(
      fitted, components: components, cluster: try ClusterLayout.single(ranks.sizes), padVocabulary: false)
    let state = ranks.files.first.map { file in
      file.content.keys.filter { ["optimizer", "opt_param_scheduler", "rng_state", "rerun_state_machine"].contains($0) }
    }
    leftBehind = (state ?? []) + checkpoint.others
    catalog.files = ranks.files.map { StoredFile(path: $0.content.path, size: $0.content.size) }
    var unused = ranks.names
    for target in layout.description.targets.indices { try add(target, &unused) }
    try LegacySource.refuse(unused, ranks)
  }

  /// Legacy checkpoints pad by the training's own divisor: the rows are those that lie there.
  private static func fitVocabulary(
    _ description: ModelDescription, _ components: [(name: String, prefix: String)], to ranks: LegacyRanks
  ) -> ModelDescription {
    var result = description
    for index in result.targets.indices where result.targets[index].isVocabulary {
      let target = result.targets[index]
      let name = components[target.component].prefix + target.globalName
      let rows = ranks.files.lazy.compactMap { file in
        file.modules.lazy.compactMap { $0[name]?.dims.first }.first
      }.first
      if let rows { result.targets[index].resizeVocabulary(to: rows * (ranks.sizes.tp ?? 1)) }
    }
    return result
  }

  // MARK: One target

  private mutating func add(_ index: Int, _ unused: inout [Set<String>]) throws(MimoError) {
    let target = layout.description.targets[index]
    let prefix = layout.components[target.component].prefix
    let sharding = layout.shardings[index]
    let place = try ranks.place(of: target, sharding)
    let names = LegacyName.all(target, layer: place.layer, expert: sharding.localExpert).map { prefix + $0 }
    var part = Part(target: index, names: names, module: place.module, dtype: nil, seen: [])
    let start = catalog.chunks.count
    for (number, file) in ranks.files.enumerated() where file.rank.pp == place.stage {
      if let expert = sharding.expertRank, file.rank.ep != expert { continue }
      try add(&part, from: number, sharding, &unused[number])
    }
    for alias in layout.description.aliases where alias.target == index && layout.cluster.components[0].layout.pp > 1 {
      part.names = [prefix + alias.name]
      part.module = ranks.moduleCount - 1
      let last = layout.cluster.components[0].layout.pp - 1
      for (number, file) in ranks.files.enumerated() where file.rank.pp == last {
        try add(&part, from: number, sharding, &unused[number])
      }
    }
    catalog.targets.append(StoredTarget(dtype: part.dtype ?? .bf16, chunks: start..<catalog.chunks.count))
  }

  /// A target as it is looked for in file after file.
  private struct Part {
    var target: Int
    var names: [String]
    var module: Int
    var dtype: DType?
    /// Shards that were found.
    var seen: Set<Int>
  }

  private mutating func add(
    _ part: inout Part, from number: Int, _ sharding: Sharding, _ unused: inout Set<String>
  ) throws(MimoError) {
    let file = ranks.files[number]
    let found = part.names.lazy.compactMap { [part] name in file.modules[part.module][name].map { (name, $0) } }.first
    guard let (name, tensor) = found else {
      throw MimoError(
        .invalidInput, "the model needs this tensor on this rank, but the file does not hold it", path: file.content.path,
        tensor: part.names.first, remedy: "Check that checkpoint and config.json belong together")
    }
    guard tensor.dims == sharding.localShape.dims else {
      throw MimoError(
        .invalidInput, "shape is \(tensor.dims), but config.json and the ranks make it \(sharding.localShape)",
        path: file.content.path, tensor: name, remedy: "Check that checkpoint and config.json belong together")
    }
    guard part.dtype == nil || part.dtype == tensor.dtype, let width = tensor.dtype.byteWidth else {
      throw MimoError(
        .invalidInput, "is \(tensor.dtype.rawValue) here, but has another dtype on another rank", path: file.content.path,
        tensor: name)
    }
    part.dtype = tensor.dtype
    unused.remove("\(part.module) \(name)")
    let shard = sharding.shardCount == 1 ? 0 : file.rank.tp
    let isFirst = part.seen.insert(shard).inserted
    for piece in sharding.pieces(ofShard: shard) {
      let skipped = sharding.dim.map { piece.localOffset * tensor.strides[$0] * width } ?? 0
      catalog.chunks.append(
        StoredChunk(
          region: piece.region, file: number, offset: tensor.offset + UInt64(skipped), strides: tensor.strides,
          isReplica: !isFirst))
    }
  }

  /// Throws when a file holds a tensor that the model has not.
  private static func refuse(_ unused: [Set<String>], _ ranks: LegacyRanks) throws(MimoError) {
    for (number, names) in unused.enumerated() {
      guard let first = names.min() else { continue }
      let more = names.count > 1 ? " (and \(names.count - 1) more that are unknown)" : ""
      throw MimoError(
        .invalidInput, "the model of config.json has no such tensor on this rank\(more)",
        path: ranks.files[number].content.path, tensor: String(first.drop { $0 != " " }.dropFirst()),
        remedy: "Check that checkpoint and config.json belong together, or update the plugin")
    }
  }
}

/// The names that modules have had for a parameter.
private enum LegacyName {
  /// The declared one first. Source: megatron-core's local layer spec and `SequentialMLP`.
  static func all(_ target: TargetDeclaration, layer: Int?, expert: Int?) -> [String] {
    var templates = [target.name]
    for (declared, other) in [
      (".self_attention.linear_qkv.layer_norm_", ".input_layernorm."), (".mlp.linear_fc1.layer_norm_", ".pre_mlp_layernorm."),
    ] {
      if let found = replacing(declared, with: other, in: target.name) { templates.append(found) }
    }
    if let experts = replacing(".mlp.experts.", with: ".mlp.experts.local_experts.{expert}.", in: target.name),
      let name = replacing("{expert}", with: "", in: experts, last: true)
    {
      templates.append(name)
    }
    return templates.map { Template.fill($0, layer: layer, expert: expert) }
  }

  /// nil when `old` is not in `text`.
  private static func replacing(_ old: String, with new: String, in text: String, last: Bool = false) -> String? {
    let starts = text.indices.filter { text[$0...].hasPrefix(old) }
    guard let start = last ? starts.last : starts.first else { return nil }
    return text[..<start] + new + text[text.index(start, offsetBy: old.count)...]
  }
}
