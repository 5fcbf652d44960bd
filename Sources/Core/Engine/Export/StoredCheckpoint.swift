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
  /// Its vocabulary as padded as the checkpoint's.
  package let description: ModelDescription
  package private(set) var catalog: StoredCatalog
  /// Prefix of each component's names.
  package let prefixes: [String]
  /// Keys that are no weights.
  package let leftBehind: [String]
  /// Tensors of the original that hold codes and scales, not values.
  package let encoded: Set<String>
  /// Parallel to the catalog's chunks, once they are located.
  private var crc32Positions: [UInt64?] = []
  /// Tensors of a prime folder that are stored beside the one that they are tied to.
  private let ties: (folder: HuggingFaceFolder, duplicates: [SourceMatch.Duplicate])?
  private let dist: (checkpoint: DistCheckpoint, items: [DistSource.Item])?

  package init(_ request: ConversionRequest, format: CheckpointFormat, plugin: PluginLibrary) throws(MimoError) {
    try self.init(
      request.source, format: format, of: try StoredCheckpoint.origin(request, format: format),
      expertStorage: request.expertStorage, isWrittenPlain: true, plugin: plugin)
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
  init(
    _ path: String, format: CheckpointFormat, of origin: ModelOrigin, expertStorage: String?,
    isWrittenPlain: Bool = false, plugin: PluginLibrary
  ) throws(MimoError) {
    self.path = path
    self.format = format
    config = origin.config
    companionFolder = origin.companionFolder
    companions = origin.companions
    let declared = plugin.info.components.map {
      ClusterLayout.Declared(name: $0.name, isEncoder: !$0.modalityKey.isEmpty)
    }
    func describe(_ naming: ModelNaming) throws(MimoError) -> ModelDescription {
      // A storage form that the user chose wins over the one that import found.
      let shapes = expertStorage == nil ? origin.shapes : nil
      var options = (expertStorage ?? origin.expertStorage).map { ["expert_storage": $0] } ?? [:]
      if isWrittenPlain { options["quantized"] = "no" }
      return try plugin.describe(origin.config.input(sources: shapes, options: options), layout: naming.rawValue)
    }
    switch format {
    case .hf: throw MimoError(.internalError, "a Hugging Face folder is no stored checkpoint")
    case .dist:
      let checkpoint = try DistCheckpoint.open(path)
      naming = StoredCheckpoint.naming(of: checkpoint, plugin: plugin.info)
      prefixes = naming.components(of: plugin.info).map(\.prefix)
      let source = try DistSource(checkpoint, description: try describe(naming), prefixes: prefixes)
      description = source.description
      catalog = source.catalog
      leftBehind = source.leftBehind
      ties = nil
      dist = (checkpoint, source.items)
    case .fsdpDTensor:
      let checkpoint = try DistCheckpoint.open(path)
      naming = StoredCheckpoint.naming(of: checkpoint, plugin: plugin.info, root: FSDPKeys.root)
      prefixes = naming.wrappedComponents(of: plugin.info).map(\.prefix)
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
      let source = try StoredCheckpoint.ranks(
        path, try describe(naming), components: components, cluster: cluster)
      description = source.layout.description
      catalog = source.catalog
      leftBehind = []
      ties = nil
      dist = nil
    case .prime:
      naming = .prime
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

  /// Looks at the frame of every item, so that the place of each chunk's elements is known.
  package mutating func locate(jobs: Int) throws(MimoError) {
    guard let dist else { return }
    let found = try ItemLocator(dist.checkpoint, dist.items, catalog: catalog).locate(jobs: jobs)
    catalog.chunks = found.map(\.chunk)
    crc32Positions = found.map(\.crc32Position)
  }

  /// Throws when the bytes of a chunk are not those that its CRC was made of.
  func checkDigests(_ result: MoveResult, files: [File]) throws(MimoError) {
    for (index, position) in crc32Positions.enumerated() {
      guard let position, result.chunkIsWhole[index] else { continue }
      let file = files[catalog.chunks[index].file]
      var bytes: UInt32 = 0
      try withUnsafeMutableBytes(of: &bytes) { buffer in
        capture { () throws(MimoError) in try file.read(into: buffer, at: position) }
      }.get()
      // Zero stands for "not computed": torch can be told so.
      let expected = UInt32(littleEndian: bytes)
      guard expected != 0, expected != result.chunkDigests[index] else { continue }
      throw MimoError(
        .invalidInput, "the bytes have the CRC-32 \(hex(result.chunkDigests[index])), but were written with \(hex(expected))",
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
    case .dist, .prime: naming.rawValue
    }
  }

  /// The name of a target in this checkpoint.
  package func name(of target: Int) -> String {
    prefixes[description.targets[target].component] + description.targets[target].globalName
  }
}
