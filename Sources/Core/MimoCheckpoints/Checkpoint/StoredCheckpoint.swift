import MimoContainers
import MimoMapping
import MimoParallel
import MimoPluginHost
import MimoSystem
import MimoTensor
import MimoTransfer

/// A Megatron checkpoint, opened: what model it is of, and where each of its tensors lies.
package struct StoredCheckpoint: Sendable {
  package let path: String
  package let format: CheckpointFormat
  package let config: ModelConfig
  /// What an import recorded about the source; nil for a checkpoint that somebody else wrote.
  package let manifest: SourceManifest?
  /// The files that are no weights; nil when none are known.
  package let travelling: TravellingFiles?
  /// Tensors of the original that hold codes and scales, not values.
  package let encoded: Set<String>
  /// The one component that it holds, or that is read of it; nil for all.
  package let only: String?
  package let origin: ModelOrigin
  private var weights: StoredWeights
  /// Parallel to the catalog's chunks, once they are located.
  private var crc32Positions: [UInt64?] = []
  /// What the report beside the checkpoint says of each of the catalog's chunks, once they are located.
  private var recordedDigests: [UInt32?] = []
  /// nil where there is none, or nothing is to be checked against it.
  package var report: SourceReport?
  /// That of the folder that companions are copied from.
  private var companionReport: SourceReport?

  package init(
    _ source: CheckpointReference, format: CheckpointFormat, withOptimizer: Bool = false, plugin: PluginLibrary
  ) throws(MimoError) {
    try self.init(
      source.path, format: format, of: try StoredCheckpoint.origin(source, format: format), only: source.only,
      expertStorage: source.expertStorage, isWrittenPlain: true, withOptimizer: withOptimizer, plugin: plugin)
    report = try SourceReport(of: source.path, ignored: source.ignoresReport)
    companionReport = report
    if let folder = source.configFolder { companionReport = try SourceReport(of: folder, ignored: source.ignoresReport) }
  }

  /// Folders have the model's config themselves; other checkpoints have the record of their source.
  private static func origin(
    _ source: CheckpointReference, format: CheckpointFormat
  ) throws(MimoError) -> ModelOrigin {
    switch format {
    case .hf: try ModelOrigin(folder: source.path)
    case .prime: try ModelOrigin(prime: source)
    case .dist, .fsdpDTensor, .ranks, .legacy: try ModelOrigin(source)
    }
  }

  /// - Parameters:
  ///   - only: read this component alone.
  ///   - expertStorage: the form that the user asked for; nil for that of the original.
  ///   - isWrittenPlain: describe plain values where the original had codes and scales, which nothing is written as.
  ///   - withOptimizer: read the optimizer's state too, where it is stored parameter by parameter.
  package init(
    _ path: String, format: CheckpointFormat, of origin: ModelOrigin, only: String? = nil, expertStorage: String?,
    isWrittenPlain: Bool = false, withOptimizer: Bool = false, plugin: PluginLibrary
  ) throws(MimoError) {
    let held = try format == .hf ? nil : TravellingRecord.onlyComponent(beside: path)
    if let held, let only, held != only {
      throw MimoError(.invalidInput, "holds component \(held) alone, not \(only)", path: path)
    }
    self.path = path
    self.format = format
    self.origin = origin
    self.only = only ?? held
    config = origin.config
    travelling = origin.travelling
    let reader = StoredReader(
      path: path, origin: origin, expertStorage: expertStorage, isWrittenPlain: isWrittenPlain,
      withOptimizer: withOptimizer, part: try ModelPart(self.only, of: plugin.info), plugin: plugin)
    weights = try reader.open(format)
    manifest = try origin.manifest(for: weights.description)
    encoded = isWrittenPlain ? try StoredCheckpoint.encoded(origin, plugin, weights.naming) : []
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

  package var naming: ModelNaming { weights.naming }
  /// Its vocabulary as padded as the checkpoint's; behind the model, the optimizer's state where it was asked for.
  package var description: ModelDescription { weights.description }
  package var catalog: StoredCatalog { weights.catalog }
  /// Prefix of each component's names.
  package var prefixes: [String] { weights.prefixes }
  /// Keys that are no weights.
  package var leftBehind: [String] { weights.leftBehind }
  /// Tensors of a Hugging Face folder that have no place here.
  package var drops: [SourceMatch.Drop] { weights.drops }
  package var optimizer: OptimizerState { weights.optimizer }
  package var legacy: LegacyCheckpoint? { weights.legacy }
  package var dist: DistCheckpoint? { weights.dist?.checkpoint }

  /// The model alone, without the optimizer's state.
  package var model: ModelDescription {
    var model = description
    model.targets.removeLast(optimizer.kinds.reduce(0) { $0 + $1.targets.count })
    return model
  }

  /// Of the training that it was saved in; nil for a release.
  package var iteration: Int? {
    guard let folder = dist?.path ?? legacy?.path else { return 0 }
    return TrainingState.iteration(of: folder)
  }

  /// Keeps these targets alone, in this order.
  package mutating func keep(_ targets: [Int]) {
    if let dist = weights.dist {
      let items = targets.flatMap { dist.items[catalog.targets[$0].chunks] }
      weights.dist = (dist.checkpoint, items)
    }
    weights.catalog = catalog.keeping(targets)
    weights.description.targets = targets.map { description.targets[$0] }
  }

  /// Puts the targets of another checkpoint in these places; both are located.
  package mutating func take(_ other: StoredCheckpoint, at places: [Int]) {
    let shift = catalog.files.count
    var chosen = Array(catalog.targets.indices)
    let start = catalog.targets.count
    weights.catalog.files += other.catalog.files
    let firstChunk = catalog.chunks.count
    weights.catalog.chunks += other.catalog.chunks.map { chunk in
      var chunk = chunk
      chunk.file += shift
      return chunk
    }
    weights.catalog.targets += other.catalog.targets.map { target in
      var target = target
      target.chunks = (target.chunks.lowerBound + firstChunk)..<(target.chunks.upperBound + firstChunk)
      return target
    }
    for (number, place) in places.enumerated() {
      chosen[place] = start + number
      guard description.targets[place].isVocabulary else { continue }
      weights.description.targets[place].repadVocabulary(to: other.description.targets[number].shape.dims[0])
    }
    let positions = StoredCheckpoint.padded(crc32Positions, to: firstChunk)
      + StoredCheckpoint.padded(other.crc32Positions, to: other.catalog.chunks.count)
    crc32Positions = chosen.flatMap { positions[catalog.targets[$0].chunks] }
    let recorded = StoredCheckpoint.padded(recordedDigests, to: firstChunk)
      + StoredCheckpoint.padded(other.recordedDigests, to: other.catalog.chunks.count)
    recordedDigests = chosen.flatMap { recorded[catalog.targets[$0].chunks] }
    weights.catalog = catalog.keeping(chosen)
  }

  /// A file without checksums has none for each of its chunks.
  private static func padded<Number>(_ positions: [Number?], to count: Int) -> [Number?] {
    positions + Array(repeating: nil, count: count - positions.count)
  }

  /// Looks at the frame of every item, so that the place of each chunk's elements is known.
  package mutating func locate(jobs: Int) throws(MimoError) {
    recordedDigests = report?.chunks(of: self) ?? []
    guard let dist = weights.dist else { return }
    let found = try ItemLocator(dist.checkpoint, dist.items, catalog: catalog).locate(jobs: jobs)
    weights.catalog.chunks = found.map(\.chunk)
    crc32Positions = found.map(\.crc32Position)
  }

  /// Throws when the bytes of a chunk are not those that its CRC was made of.
  ///
  /// - Parameters:
  ///   - digests: as they were read, with zeros for rows that were not.
  ///   - unread: what those rows really hold.
  package func checkDigests(_ digests: [UInt32], areWhole: [Bool], unread: [UnreadRows], files: [File]) throws(MimoError) {
    try checkRecorded(digests, unread: unread)
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

  /// Throws when a chunk is not what the report beside the checkpoint says.
  private func checkRecorded(_ digests: [UInt32], unread: [UnreadRows]) throws(MimoError) {
    guard recordedDigests.contains(where: { $0 != nil }) else { return }
    var digests = digests
    for rows in unread { for (chunk, share) in rows.shares { digests[chunk] ^= share } }
    for (index, target) in catalog.targets.enumerated() {
      for chunk in target.chunks {
        guard let expected = recordedDigests[chunk], expected != digests[chunk] else { continue }
        let place = catalog.chunks[chunk]
        let span = StridedBlock.span(place.region.extent, place.strides)
        throw SourceReport.difference(
          .crc32(digests[chunk]), .crc32(expected), in: catalog.files[place.file].path, at: place.offset,
          count: span * (target.dtype.byteWidth ?? 1), tensor: name(of: index))
      }
    }
  }

  /// Throws when a tensor of a Hugging Face folder is not what the report in it says. The tensors are read as parts of
  /// others, so this reads them once more.
  ///
  /// - Parameter taken: targets that come from elsewhere.
  package func checkTensors(_ resources: Resources, except taken: Set<Int> = []) throws(MimoError) {
    guard format == .hf, let report else { return }
    let own = description.targets.indices.lazy.filter { !taken.contains($0) }
    let used = Set(own.flatMap { description.targets[$0].fragments }.compactMap(\.source).map { description.sources[$0].name })
    try report.checkTensors(used, of: path, resources)
  }

  /// Throws when a companion in OUT is not the one that the report beside its folder lists.
  package func checkCopies(_ files: [ReportedFile], to prefixes: [String]) throws(MimoError) {
    guard let travelling else { return }
    try companionReport?.checkCopies(files, of: travelling.names, from: travelling.folder, to: prefixes)
  }

  /// Source -> dtype of the tensor that holds it: prime-rl casts nothing.
  package var primeDTypes: [String: DType] {
    var dtypes: [String: DType] = [:]
    for (target, stored) in zip(description.targets, catalog.targets) {
      for source in target.fragments.compactMap(\.source) { dtypes[description.sources[source].name] = stored.dtype }
    }
    return dtypes
  }

  /// Dtypes of the targets, parallel to the catalog's: of a Hugging Face folder those that an import gives them.
  package func dtypes(in naming: ModelNaming, asked: DType?) throws(MimoError) -> [DType] {
    guard format == .hf else { return catalog.targets.map(\.dtype) }
    // The reference casts a MIMO model to bf16, whatever the config says.
    let model = try config.dtype(asked: asked ?? (naming == .mimo ? .bf16 : nil))
    return description.targets.map { $0.dtype ?? model }
  }

  /// Weight files beside those of the model, of a Hugging Face folder.
  package var unusedFiles: [Omission] { weights.ties?.folder.unusedFiles ?? [] }

  /// Tensors of a folder that differ from the ones that they are tied to, where the family may leave them out.
  package func differingTies() throws(MimoError) -> [SourceMatch.Drop] {
    guard let ties = weights.ties else { return [] }
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
