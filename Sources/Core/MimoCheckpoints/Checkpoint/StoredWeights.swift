import MimoContainers
import MimoMapping
import MimoParallel
import MimoPluginHost
import MimoSystem
import MimoTensor
import MimoTransfer

/// The weights of a checkpoint, held against the plugin's description: where each target lies, and by what names.
struct StoredWeights {
  var naming: ModelNaming
  /// Its vocabulary as padded as the checkpoint's; behind the model, the optimizer's state where it was asked for.
  var description: ModelDescription
  var catalog: StoredCatalog
  /// Of each component's names.
  var prefixes: [String]
  var optimizer: OptimizerState
  /// Keys that are no weights.
  var leftBehind: [String] = []
  /// Tensors of a Hugging Face folder that have no place in the layout.
  var drops: [SourceMatch.Drop] = []
  /// Tensors of a folder that are stored beside the one that they are tied to.
  var ties: (folder: HuggingFaceFolder, duplicates: [SourceMatch.Duplicate])?
  var legacy: LegacyCheckpoint?
  var dist: (checkpoint: DistCheckpoint, items: [DistSource.Item])?
}

/// Opens the weights of a checkpoint in any format.
struct StoredReader {
  let path: String
  let origin: ModelOrigin
  /// The form that the user asked for; nil for that of the original.
  let expertStorage: String?
  /// Describe plain values where the original had codes and scales, which nothing is written as.
  let isWrittenPlain: Bool
  /// Read the optimizer's state too, where it is stored parameter by parameter.
  let withOptimizer: Bool
  let part: ModelPart
  let plugin: PluginLibrary

  func open(_ format: CheckpointFormat) throws(MimoError) -> StoredWeights {
    switch format {
    case .hf: try folder()
    case .dist: try torchDist()
    case .fsdpDTensor: try fsdp()
    case .ranks: try ranks()
    case .legacy: try legacy()
    case .prime: try prime()
    }
  }

  private func describe(_ naming: ModelNaming) throws(MimoError) -> ModelDescription {
    try origin.describe(naming, expertStorage: expertStorage, isWrittenPlain: isWrittenPlain, plugin: plugin)
  }

  private var noOptimizer: OptimizerState { OptimizerState(components: part.plugin.components.count) }

  // MARK: Distributed checkpoints

  private func torchDist() throws(MimoError) -> StoredWeights {
    let checkpoint = try DistCheckpoint.open(path)
    let naming = naming(of: checkpoint)
    let model = part.described(try describe(naming))
    let components = naming.components(of: part.plugin)
    let optimizer =
      withOptimizer ? OptimizerState(in: checkpoint, of: model, prefixes: components.map(\.prefix)) : noOptimizer
    let prefixes = optimizer.added(to: components, named: components).map(\.prefix)
    let source = try DistSource(
      checkpoint, description: optimizer.added(to: model), prefixes: prefixes, others: part.others(naming.components))
    return StoredWeights(
      naming: naming, description: source.description, catalog: source.catalog, prefixes: prefixes, optimizer: optimizer,
      leftBehind: source.leftBehind, dist: (checkpoint, source.items))
  }

  private func fsdp() throws(MimoError) -> StoredWeights {
    let checkpoint = try DistCheckpoint.open(path)
    guard checkpoint.tensors.contains(where: { $0.key.hasPrefix(FSDPKeys.root) }) else {
      throw MimoError(
        .invalidInput, "has no metadata.json, as torch_dist has, and no key that begins with \(FSDPKeys.root), as fsdp_dtensor has",
        path: path, remedy: "Copy the whole folder; --from megatron takes it for torch_dist")
    }
    let naming = naming(of: checkpoint, root: FSDPKeys.root)
    let model = part.described(try describe(naming))
    let components = naming.components(of: part.plugin)
    // It is not known how the optimizer of a MIMO model names its parameters.
    let optimizer =
      withOptimizer && naming == .megatron
      ? OptimizerState(inFSDP: checkpoint, of: model, prefixes: components.map(\.prefix)) : noOptimizer
    let rooted = components.map { (name: $0.name, prefix: FSDPKeys.root + $0.prefix) }
    let source = try DistSource(
      checkpoint, description: optimizer.added(to: model),
      prefixes: optimizer.added(to: rooted, named: components).map { DistSource.unwrapped($0.prefix) },
      others: part.others(naming.components).map { FSDPKeys.root + $0 }, form: .fsdp(FSDPKeys(model)))
    try TrainerSizes(checkpoint).checkOrder(of: source)
    return StoredWeights(
      naming: naming, description: source.description, catalog: source.catalog,
      prefixes: optimizer.added(to: naming.wrappedComponents(of: part.plugin), named: components).map(\.prefix),
      optimizer: optimizer,
      leftBehind: source.leftBehind, dist: (checkpoint, source.items))
  }

  /// A component of a MIMO model has a module path that no single model has.
  ///
  /// - Parameter root: what stands before all names.
  private func naming(of checkpoint: DistCheckpoint, root: String = "") -> ModelNaming {
    let paths = plugin.info.components.filter { !$0.modalityKey.isEmpty }.map { component in
      root + component.targetModulePath.prefix { $0 != "." } + "."
    }
    let isMIMO = checkpoint.tensors.contains { tensor in paths.contains { tensor.key.hasPrefix($0) } }
    return isMIMO ? .mimo : .megatron
  }

  // MARK: A file a rank

  /// The ranks' vocabulary may be padded or not; only one of the two fits the files.
  private func ranks() throws(MimoError) -> StoredWeights {
    let declared = plugin.info.components.map {
      ClusterLayout.Declared(name: $0.name, isEncoder: !$0.modalityKey.isEmpty)
    }
    let cluster = try LayoutFile.read(path, declared: declared)
    let naming = ModelNaming(cluster.form)
    let components = naming.components(of: plugin.info)
    let model = try describe(naming)
    func read(padded: Bool) throws(MimoError) -> RanksSource {
      let layout = try ModelLayout(model, components: components, cluster: cluster, padVocabulary: padded)
      return try RanksSource(path, layout: layout)
    }
    var source: RanksSource
    switch capture({ () throws(MimoError) in try read(padded: false) }) {
    case .success(let plain): source = plain
    case .failure(let failure):
      guard case .success(let padded) = capture({ () throws(MimoError) in try read(padded: true) }) else { throw failure }
      source = padded
    }
    return of(part, source.layout.description, source.catalog, naming: naming, components)
  }

  private func legacy() throws(MimoError) -> StoredWeights {
    guard let checkpoint = try LegacyCheckpoint.find(at: path) else {
      throw MimoError(.invalidInput, "holds no mp_rank_*/\(LegacyCheckpoint.modelFile)", path: path)
    }
    let components = ModelNaming.megatron.components(of: plugin.info)
    let source = try LegacySource(checkpoint, description: try describe(.megatron), components: components)
    var weights = of(part, source.layout.description, source.catalog, naming: .megatron, components)
    weights.leftBehind = source.leftBehind
    weights.legacy = checkpoint
    return weights
  }

  /// A part of what files hold that are read as a whole.
  private func of(
    _ part: ModelPart, _ whole: ModelDescription, _ catalog: StoredCatalog, naming: ModelNaming,
    _ components: [(name: String, prefix: String)]
  ) -> StoredWeights {
    StoredWeights(
      naming: naming, description: part.described(whole), catalog: catalog.keeping(part.targets(of: whole)),
      prefixes: naming.components(of: part.plugin).map(\.prefix), optimizer: noOptimizer)
  }

  // MARK: Folders

  private func prime() throws(MimoError) -> StoredWeights {
    let description = try describe(.prime)
    let folder = try HuggingFaceFolder.open(path, config: origin.config.json)
    let source = try PrimeSource(folder, description: description)
    return StoredWeights(
      naming: .prime, description: description, catalog: source.catalog,
      prefixes: ModelNaming.prime.components(of: plugin.info).map(\.prefix), optimizer: noOptimizer,
      leftBehind: source.leftBehind, ties: (folder, source.duplicates))
  }

  /// A Hugging Face folder as chunks of the targets that its tensors make.
  private func folder() throws(MimoError) -> StoredWeights {
    let naming = ModelNaming.megatron
    let opened = try HuggingFaceFolder.open(path)
    let described = try origin.describe(naming, expertStorage: expertStorage, isWrittenPlain: false, plugin: plugin)
    let model = part.described(described)
    let folder = try SourceMatch.settled(opened, model)
    let match = try SourceMatch(model, folder, decoded: .bf16)
    if let encoded = match.whole.first(where: { $0.storage != .plain }) {
      throw MimoError(
        .unsupported, "holds codes and scales, which are decoded on an import alone", path: path, tensor: encoded.name,
        remedy: "Convert it --to megatron first")
    }
    let files = folder.files.map { StoredFile(path: $0.path, size: $0.size) }
    return StoredWeights(
      naming: naming, description: model, catalog: try StoredCatalog(fragmentsOf: model, in: match.whole, files: files),
      prefixes: naming.components(of: part.plugin).map(\.prefix), optimizer: noOptimizer, drops: match.drops,
      ties: (folder, match.duplicates))
  }
}
