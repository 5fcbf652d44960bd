import MimoFormats
import MimoMapping
import MimoParallel
import MimoPlan
import MimoPlugins
import MimoSystem
import MimoTensor

/// A Megatron checkpoint, opened: what model it is of, and where each of its tensors lies.
package struct StoredCheckpoint: Sendable {
  package let path: String
  package let format: CheckpointFormat
  package let naming: ModelNaming
  package let config: ModelConfig
  /// What an import recorded about the source; nil for a checkpoint that somebody else wrote.
  package let manifest: SourceManifest?
  /// Folder of the files that are no weights; nil when none is known.
  package let companionFolder: String?
  package let companions: [String]
  /// Its vocabulary as padded as the checkpoint's; behind the model, the optimizer's state where it was asked for.
  package private(set) var description: ModelDescription
  package private(set) var catalog: StoredCatalog
  /// Prefix of each component's names.
  package let prefixes: [String]
  let optimizer: OptimizerState
  let origin: ModelOrigin
  /// Keys that are no weights.
  package let leftBehind: [String]
  /// Tensors of the original that hold codes and scales, not values.
  package let encoded: Set<String>
  /// Parallel to the catalog's chunks, once they are located.
  private var crc32Positions: [UInt64?] = []
  /// Tensors of a prime folder that are stored beside the one that they are tied to.
  private let ties: (folder: HuggingFaceFolder, duplicates: [SourceMatch.Duplicate])?
  private(set) var legacy: LegacyCheckpoint?
  private(set) var dist: (checkpoint: DistCheckpoint, items: [DistSource.Item])?

  package init(
    _ request: ConversionRequest, format: CheckpointFormat, withOptimizer: Bool = false, plugin: PluginLibrary
  ) throws(MimoError) {
    try self.init(
      request.source, format: format, of: try StoredCheckpoint.origin(request, format: format),
      expertStorage: request.expertStorage, isWrittenPlain: true, withOptimizer: withOptimizer, plugin: plugin)
  }

  /// A prime folder has the model's config itself; other checkpoints have the record of their source.
  private static func origin(
    _ request: ConversionRequest, format: CheckpointFormat
  ) throws(MimoError) -> ModelOrigin {
    format == .prime ? try ModelOrigin(prime: request) : try ModelOrigin(request)
  }

  /// - Parameters:
  ///   - expertStorage: the form that the user asked for; nil for that of the original.
  ///   - isWrittenPlain: describe plain values where the original had codes and scales, which nothing is written as.
  ///   - withOptimizer: read the optimizer's state too, where it is stored parameter by parameter.
  init(
    _ path: String, format: CheckpointFormat, of origin: ModelOrigin, expertStorage: String?,
    isWrittenPlain: Bool = false, withOptimizer: Bool = false, plugin: PluginLibrary
  ) throws(MimoError) {
    self.path = path
    self.format = format
    self.origin = origin
    config = origin.config
    companionFolder = origin.companionFolder
    companions = origin.companions
    let declared = plugin.info.components.map {
      ClusterLayout.Declared(name: $0.name, isEncoder: !$0.modalityKey.isEmpty)
    }
    func describe(_ naming: ModelNaming) throws(MimoError) -> ModelDescription {
      try origin.describe(naming, expertStorage: expertStorage, isWrittenPlain: isWrittenPlain, plugin: plugin)
    }
    let none = OptimizerState(components: plugin.info.components.count)
    switch format {
    case .hf: throw MimoError(.internalError, "a Hugging Face folder is no stored checkpoint")
    case .dist:
      let checkpoint = try DistCheckpoint.open(path)
      naming = StoredCheckpoint.naming(of: checkpoint, plugin: plugin.info)
      let model = try describe(naming)
      let components = naming.components(of: plugin.info)
      optimizer =
        withOptimizer ? OptimizerState(in: checkpoint, of: model, prefixes: components.map(\.prefix)) : none
      prefixes = optimizer.added(to: components).map(\.prefix)
      let source = try DistSource(checkpoint, description: optimizer.added(to: model), prefixes: prefixes)
      description = source.description
      catalog = source.catalog
      leftBehind = source.leftBehind
      ties = nil
      dist = (checkpoint, source.items)
    case .fsdpDTensor:
      let checkpoint = try DistCheckpoint.open(path)
      naming = StoredCheckpoint.naming(of: checkpoint, plugin: plugin.info, root: FSDPKeys.root)
      prefixes = naming.wrappedComponents(of: plugin.info).map(\.prefix)
      optimizer = none
      let declared = try describe(naming)
      let source = try DistSource(
        checkpoint, description: declared,
        prefixes: naming.components(of: plugin.info).map { FSDPKeys.root + $0.prefix },
        form: .fsdp(FSDPKeys(declared)))
      try StoredCheckpoint.checkOrder(source, TrainerSizes(checkpoint), path)
      description = source.description
      catalog = source.catalog
      leftBehind = source.leftBehind
      ties = nil
      dist = (checkpoint, source.items)
    case .ranks:
      let cluster = try LayoutFile.read(path, declared: declared)
      naming = ModelNaming(cluster.form)
      let components = naming.components(of: plugin.info)
      prefixes = components.map(\.prefix)
      optimizer = none
      let source = try StoredCheckpoint.ranks(
        path, try describe(naming), components: components, cluster: cluster)
      description = source.layout.description
      catalog = source.catalog
      leftBehind = []
      ties = nil
      dist = nil
    case .legacy:
      guard let checkpoint = try LegacyCheckpoint.find(at: path) else {
        throw MimoError(.invalidInput, "holds no mp_rank_*/\(LegacyCheckpoint.modelFile)", path: path)
      }
      naming = .megatron
      let components = naming.components(of: plugin.info)
      prefixes = components.map(\.prefix)
      optimizer = none
      let source = try LegacySource(checkpoint, description: try describe(naming), components: components)
      description = source.layout.description
      catalog = source.catalog
      leftBehind = source.leftBehind
      ties = nil
      dist = nil
      legacy = checkpoint
    case .prime:
      naming = .prime
      optimizer = none
      prefixes = naming.components(of: plugin.info).map(\.prefix)
      description = try describe(naming)
      let folder = try HuggingFaceFolder.open(path, config: origin.config.json)
      let source = try PrimeSource(folder, description: description)
      catalog = source.catalog
      leftBehind = source.leftBehind
      ties = (folder, source.duplicates)
      dist = nil
    }
    manifest = try origin.manifest(for: description)
    encoded = isWrittenPlain ? try StoredCheckpoint.encoded(origin, plugin, naming) : []
  }

  /// Asks what the original was like before it was decoded; nothing where it holds no bytes that could be codes.
  private static func encoded(
    _ origin: ModelOrigin, _ plugin: PluginLibrary, _ naming: ModelNaming
  ) throws(MimoError) -> Set<String> {
    let mayHaveCodes = origin.manifest?.files.contains { file in
      file.tensors.contains { $0.dtype.isCode || $0.dtype == .u8 }
    }
    guard mayHaveCodes == true else { return [] }
    let options = origin.expertStorage.map { ["expert_storage": $0] } ?? [:]
    let input = origin.config.input(sources: origin.shapes, options: options)
    let original = try plugin.describe(input, layout: naming.rawValue)
    return Set(original.sources.lazy.filter { $0.encoding != nil }.flatMap(\.storedNames))
  }

  /// A component of a MIMO model has a module path that no single model has.
  ///
  /// - Parameter root: what stands before all names.
  private static func naming(of checkpoint: DistCheckpoint, plugin: PluginInfo, root: String = "") -> ModelNaming {
    let paths = plugin.components.filter { !$0.modalityKey.isEmpty }.map { component in
      root + component.targetModulePath.prefix { $0 != "." } + "."
    }
    let isMIMO = checkpoint.tensors.contains { tensor in paths.contains { tensor.key.hasPrefix($0) } }
    return isMIMO ? .mimo : .megatron
  }

  /// Parts of a parameter under one key have an order that depends on the tensor parallel size, which the file may say.
  private static func checkOrder(_ source: DistSource, _ sizes: TrainerSizes, _ path: String) throws(MimoError) {
    for index in source.jointTargets {
      let target = source.description.targets[index]
      let (axis, size) = target.expert == nil ? ("tp", sizes.tp) : ("etp", sizes.etp)
      guard size > 1, target.placement.splitDim == 0 else { continue }
      throw MimoError(
        .unsupported, "was saved with \(axis)=\(size), its \(target.placement.segments.count) parts rank by rank under one key",
        path: path, tensor: target.globalName, remedy: "Load it with its trainer, and save it with \(axis)=1 or as torch_dist")
    }
  }

  /// The ranks' vocabulary may be padded or not; only one of the two fits the files.
  private static func ranks(
    _ folder: String, _ description: ModelDescription, components: [(name: String, prefix: String)],
    cluster: ClusterLayout
  ) throws(MimoError) -> RanksSource {
    func read(padded: Bool) throws(MimoError) -> RanksSource {
      let layout = try ModelLayout(description, components: components, cluster: cluster, padVocabulary: padded)
      return try RanksSource(folder, layout: layout)
    }
    let plain = capture { () throws(MimoError) in try read(padded: false) }
    guard case .failure(let failure) = plain else { return try plain.get() }
    guard case .success(let padded) = capture({ () throws(MimoError) in try read(padded: true) }) else { throw failure }
    return padded
  }

  /// The model alone, without the optimizer's state.
  var model: ModelDescription {
    var model = description
    model.targets.removeLast(optimizer.kinds.reduce(0) { $0 + $1.targets.count })
    return model
  }

  /// Of the training that it was saved in; nil for a release.
  var iteration: Int? {
    guard let folder = dist?.checkpoint.path ?? legacy?.path else { return 0 }
    return TrainingState.iteration(of: folder)
  }

  /// Keeps these targets alone, in this order.
  mutating func keep(_ targets: [Int]) {
    var kept = StoredCatalog()
    kept.files = catalog.files
    var items: [DistSource.Item] = []
    for target in targets {
      let own = catalog.targets[target]
      let start = kept.chunks.count
      kept.chunks += catalog.chunks[own.chunks]
      if let dist { items += dist.items[own.chunks] }
      kept.targets.append(StoredTarget(dtype: own.dtype, chunks: start..<kept.chunks.count))
    }
    catalog = kept
    dist?.items = items
    description.targets = targets.map { description.targets[$0] }
  }

  /// Looks at the frame of every item, so that the place of each chunk's elements is known.
  package mutating func locate(jobs: Int) throws(MimoError) {
    guard let dist else { return }
    let found = try ItemLocator(dist.checkpoint, dist.items, catalog: catalog).locate(jobs: jobs)
    catalog.chunks = found.map(\.chunk)
    crc32Positions = found.map(\.crc32Position)
  }

  /// Throws when the bytes of a chunk are not those that its CRC was made of.
  func checkDigests(_ digests: [UInt32], areWhole: [Bool], files: [File]) throws(MimoError) {
    for (index, position) in crc32Positions.enumerated() {
      guard let position, areWhole[index] else { continue }
      let file = files[catalog.chunks[index].file]
      var bytes: UInt32 = 0
      try withUnsafeMutableBytes(of: &bytes) { buffer in
        capture { () throws(MimoError) in try file.read(into: buffer, at: position) }
      }.get()
      // Zero stands for "not computed": torch can be told so.
      let expected = UInt32(littleEndian: bytes)
      guard expected != 0, expected != digests[index] else { continue }
      throw MimoError(
        .invalidInput, "the bytes have the CRC-32 \(hex(digests[index])), but were written with \(hex(expected))",
        path: file.path, byte: catalog.chunks[index].offset, remedy: "The file is damaged; copy it again")
    }
  }

  /// Source -> dtype of the tensor that holds it: prime-rl casts nothing.
  var primeDTypes: [String: DType] {
    var dtypes: [String: DType] = [:]
    for (target, stored) in zip(description.targets, catalog.targets) {
      for source in target.fragments.compactMap(\.source) { dtypes[description.sources[source].name] = stored.dtype }
    }
    return dtypes
  }

  /// Tensors of a prime folder that differ from the ones that they are tied to, where the family may leave them out.
  func differingTies() throws(MimoError) -> [SourceMatch.Drop] {
    guard let ties else { return [] }
    return try TieCheck.run(ties.duplicates, in: ties.folder)
  }

  /// The format as `--to` names it.
  package var formatName: String {
    switch format {
    case .ranks, .fsdpDTensor, .hf: format.rawValue
    case .legacy: "torch"
    case .dist, .prime: naming.rawValue
    }
  }

  /// The name of a target in this checkpoint.
  package func name(of target: Int) -> String {
    prefixes[description.targets[target].component] + description.targets[target].globalName
  }
}
