import MimoContainers
import MimoMapping
import MimoParallel
import MimoSystem
import MimoTensor
import MimoTransfer

/// A distributed checkpoint held against what the plugin declared: which chunk holds what of which target.
///
/// The same tensor may be stored in several forms (stacked over layers or a key a layer, experts with an axis or a key an
/// expert, gate and up apart); whichever the checkpoint has is read. Keys may carry the `module.` of wrappers.
package struct DistSource: Sendable {
  /// The description, its vocabulary as padded as the checkpoint's.
  package private(set) var description: ModelDescription
  package private(set) var catalog = StoredCatalog()
  /// The item of each chunk, parallel to `catalog.chunks`: offsets are known once it is opened.
  package private(set) var items: [Item] = []
  /// Keys that are not weights of the model: optimizer state, random state.
  package private(set) var leftBehind: [String] = []

  /// Targets of several parts that are stored under one key, parts of all tensor parallel ranks mixed.
  package private(set) var jointTargets: [Int] = []

  /// Which item a chunk lies in, and where in it.
  package struct Item: Sendable {
    package var tensor: Int
    package var chunk: Int
    /// Steps along the leading axes (layer, expert) of the stored chunk before the target's part begins.
    package var lead: DimVector
  }

  private let checkpoint: DistCheckpoint
  private let keys: [String: Int]
  private let naming: DistKey.Form
  private let others: [String]
  private var used: Set<Int> = []
  private var chunksByLead: [Int: [DimVector: [Int]]] = [:]

  /// - Parameters:
  ///   - prefixes: of each component, as its names in this checkpoint begin, without the `module.` of wrappers.
  ///   - others: what names of components begin with that are not asked for.
  ///   - form: who named its tensors.
  package init(
    _ checkpoint: DistCheckpoint, description: ModelDescription, prefixes: [String],
    others: [String] = [], form: DistKey.Form = .torchDist
  ) throws(MimoError) {
    self.checkpoint = checkpoint
    self.description = description
    naming = form
    self.others = others
    var keys = [String: Int](minimumCapacity: checkpoint.tensors.count)
    for (index, tensor) in checkpoint.tensors.enumerated() { keys[DistSource.unwrapped(tensor.key)] = index }
    self.keys = keys
    catalog.files = checkpoint.files.map {
      StoredFile(path: FileSystem.join(checkpoint.path, $0.name), size: $0.size)
    }
    for index in self.description.targets.indices {
      try add(index, prefix: prefixes[self.description.targets[index].component])
    }
    try sortOutTheRest()
  }

  /// A key without the `module.` that wrappers (DDP, Float16Module) put in.
  package static func unwrapped(_ key: String) -> String {
    guard key.contains("module.") else { return key }
    return key.split(separator: ".", omittingEmptySubsequences: false).filter { $0 != "module" }.joined(separator: ".")
  }

  // MARK: One target

  private mutating func add(_ index: Int, prefix: String) throws(MimoError) {
    let form = try form(of: description.targets[index], prefix: prefix)
    let tensors = form.map { checkpoint.tensors[$0.tensor] }
    if description.targets[index].isVocabulary, let stored = tensors.first, form.count == 1 {
      try fitVocabulary(index, to: stored)
    }
    let target = description.targets[index]
    if form[0].variant.parts == .together, target.placement.segments.count > 1 { jointTargets.append(index) }
    let start = catalog.chunks.count
    let dtype = tensors[0].dtype
    for (part, tensor) in zip(form, tensors) {
      used.insert(part.tensor)
      let key = part.key
      guard tensor.dtype == dtype else {
        throw MimoError(
          .invalidInput, "is \(tensor.dtype.rawValue), but another part of the same parameter is \(dtype.rawValue)",
          path: checkpoint.path, tensor: tensor.key)
      }
      let expected = target.isVocabulary ? DistKey(target, part.variant, segment: part.segment, prefix: prefix) : key
      guard tensor.shape == expected.shape else {
        throw MimoError(
          .invalidInput, "shape is \(tensor.shape), but config.json makes it \(expected.shape)", path: checkpoint.path,
          tensor: tensor.key, remedy: "Check that the checkpoint and config.json belong together")
      }
      addChunks(of: part.tensor, key: expected, target: target)
    }
    catalog.targets.append(StoredTarget(dtype: dtype, chunks: start..<catalog.chunks.count))
  }

  private struct Part {
    var key: DistKey
    var variant: DistKey.Variant
    var segment: Int
    var tensor: Int
  }

  /// The first form of a target that the checkpoint has whole.
  private func form(of target: TargetDeclaration, prefix: String) throws(MimoError) -> [Part] {
    let usual = naming.variant(of: target)
    if let parts = parts(of: target, usual, prefix: prefix) { return parts }
    for variant in naming.variants(of: target) {
      if let parts = parts(of: target, variant, prefix: prefix) { return parts }
    }
    throw MimoError(
      .invalidInput, "the model needs this tensor, but the checkpoint does not hold it", path: checkpoint.path,
      tensor: DistKey(target, usual, segment: 0, prefix: prefix).key,
      remedy: "Check that the checkpoint is whole and belongs to this config.json and layout")
  }

  /// The tensors of one form; nil when one of them is not there.
  private func parts(of target: TargetDeclaration, _ variant: DistKey.Variant, prefix: String) -> [Part]? {
    var parts: [Part] = []
    for segment in variant.segments(of: target) {
      let key = DistKey(target, variant, segment: segment, prefix: prefix)
      guard let tensor = keys[key.key] else { return nil }
      parts.append(Part(key: key, variant: variant, segment: segment, tensor: tensor))
    }
    return parts
  }

  /// A padded vocabulary has more rows than the model's; what is beyond is not read.
  private mutating func fitVocabulary(_ index: Int, to stored: DistTensor) throws(MimoError) {
    let rows = description.targets[index].shape.dims[0]
    guard let storedRows = stored.shape.dims.first, stored.shape.rank == description.targets[index].shape.rank else {
      return
    }
    guard storedRows >= rows else {
      throw MimoError(
        .invalidInput, "has \(storedRows) rows for a vocabulary of \(rows)", path: checkpoint.path, tensor: stored.key,
        remedy: "Check that the checkpoint and config.json belong together")
    }
    description.targets[index].resizeVocabulary(to: storedRows)
  }

  // MARK: Chunks

  private mutating func addChunks(of tensor: Int, key: DistKey, target: TargetDeclaration) {
    for chunk in candidates(of: tensor, lead: key.lead) {
      let stored = checkpoint.tensors[tensor].chunks[chunk]
      guard let region = key.target(stored.region) else { continue }
      let strides = rowMajorStrides(stored.region.extent)
      var lead = DimVector()
      for (axis, index) in key.lead.enumerated() { lead.append(index - stored.region.offset[axis]) }
      var own = DimVector()
      for dim in key.lead.count..<stored.region.rank { own.append(strides[dim]) }
      catalog.chunks.append(StoredChunk(region: region, file: stored.file, offset: 0, strides: own))
      items.append(Item(tensor: tensor, chunk: chunk, lead: lead))
    }
  }

  /// The chunks that may hold something at `lead`, without a look at all others of a stacked tensor.
  private mutating func candidates(of tensor: Int, lead: DimVector) -> [Int] {
    let chunks = checkpoint.tensors[tensor].chunks
    if lead.isEmpty { return Array(chunks.indices) }
    if let index = chunksByLead[tensor] { return index[lead, default: []] + index[[], default: []] }
    var index: [DimVector: [Int]] = [:]
    for (number, chunk) in chunks.enumerated() {
      var offset = DimVector()
      for axis in lead.indices where chunk.region.extent[axis] == 1 { offset.append(chunk.region.offset[axis]) }
      index[offset.count == lead.count ? offset : [], default: []].append(number)
    }
    chunksByLead[tensor] = index
    return index[lead, default: []] + index[[], default: []]
  }

  // MARK: The rest

  /// Every other tensor is known not to be a weight, or is an error.
  private mutating func sortOutTheRest() throws(MimoError) {
    var unknown: [String] = []
    for (index, tensor) in checkpoint.tensors.enumerated() where !used.contains(index) {
      if !others.isEmpty, case let key = DistSource.unwrapped(tensor.key), others.contains(where: key.hasPrefix) { continue }
      if DistSource.isTrainingState(tensor.key) { leftBehind.append(tensor.key) } else { unknown.append(tensor.key) }
    }
    for object in checkpoint.objects where DistSource.isTrainingState(object.key) { leftBehind.append(object.key) }
    guard let first = unknown.first else { return }
    let more = unknown.count > 1 ? " (and \(unknown.count - 1) more that are unknown)" : ""
    throw MimoError(
      .invalidInput, "the model of config.json has no such tensor\(more)", path: checkpoint.path, tensor: first,
      remedy: "Check that the checkpoint and config.json belong together, or update the plugin")
  }

  /// Source: megatron-core's keys of optimizer, random and rerun state.
  private static func isTrainingState(_ key: String) -> Bool {
    ["optimizer.", "chained_", "rng_state", "rerun_state_machine", "opt_param_scheduler"].contains { key.hasPrefix($0) }
  }
}
