import MimoCheckpoints
import MimoJSON
import MimoMapping
import MimoParallel
import MimoPluginHost
import MimoSystem
import MimoTensor
import MimoTransfer

/// Everything about a conversion between two Megatron formats or layouts before a byte moves.
///
/// Both are described as the same targets; only the chunks that hold them change. So values go over bit for bit, and
/// state of an optimizer that is stored parameter by parameter goes along.
package struct ReshardPlan: Sendable {
  package let format: OutputFormat
  package let plugin: PluginInfo
  let library: PluginLibrary
  package let stored: StoredCheckpoint
  /// The model's config as far as the source holds the model.
  package let config: ModelConfig
  package let naming: ModelNaming
  package let layout: ModelLayout
  package let output: PlannedOutput
  package let conversion: ConversionPlan
  /// What the source has beside the weights of OUT.
  package let omissions: [Omission]
  package let dtype: DType
  /// What the source's layout had no place for, so that the config must say so.
  private let overrides: [ConfigOverride]
  private let layoutNotes: [String]
  /// Checkpoints that components are taken from.
  let donors: [Donor]
  /// Rows that pad a vocabulary, or that config.json cuts off.
  let unread: [UnreadRows]
  let transfer: OptimizerTransfer
  /// What goes along beside the tensors.
  let training: TrainingState
  package let memory: PlanMemory

  package init(
    _ request: ConversionRequest, to format: OutputFormat, from sourceFormat: CheckpointFormat,
    plugin: PluginLibrary
  ) throws(MimoError) {
    self.format = format
    var stored = try StoredCheckpoint(
      request.reference, format: sourceFormat, withOptimizer: OptimizerTransfer.isWanted(request, from: sourceFormat, to: format),
      plugin: plugin)
    if let only = stored.only, format == .ranks {
      throw MimoError(
        .unsupported, "holds component \(only) alone, but --to ranks is of a whole model", path: stored.path,
        remedy: "Put it into a whole checkpoint with mimo-host splice first")
    }
    let part = try ModelPart(stored.only, of: plugin.info)
    self.plugin = part.plugin
    library = plugin
    let cluster = try ImportPlan.cluster(request, to: format, plugin: part.plugin)
    naming = ModelNaming(cluster.form)
    // A layout that leaves tensors of the language model out says in the config that they are gone.
    overrides = naming == stored.naming || part.isEncoder ? [] : stored.description.configOverrides
    config = ModelConfig(stored.config.applying(overrides), path: stored.config.path)
    let model = part.described(
      try stored.origin.describe(
        naming, expertStorage: request.expertStorage, isWrittenPlain: true, config: config, plugin: plugin))
    let names = naming.components(of: part.plugin)
    let components = format == .fsdpDTensor ? naming.wrappedComponents(of: part.plugin) : names
    layoutNotes = request.layoutNotes(part.plugin, model)
    let weights = try TargetMatch(stored.model, to: model)
    let transfer: OptimizerTransfer
    let obstacle: OptimizerObstacle?
    switch try OptimizerTransfer.find(stored, weights, model, prefixes: names.map(\.prefix), to: format, in: cluster) {
    case .success(let found): (transfer, obstacle) = (found, nil)
    case .failure(let found):
      stored = try StoredCheckpoint(request.reference, format: sourceFormat, plugin: plugin)
      (transfer, obstacle) = (try OptimizerTransfer(of: stored, along: weights, to: model), found)
    }
    self.transfer = transfer
    let optimizer = transfer.state
    let (entries, foreign) = try ReshardPlan.entries(transfer, of: stored, to: format, model, names.map(\.prefix))
    let omissions = ReshardPlan.omissions(transfer, obstacle, of: stored, entries, foreign)
    let weightDType = zip(model.targets, weights.origins).first { $0.0.dtype == nil }
      .map { stored.catalog.targets[$0.1].dtype }
    stored.keep(transfer.origins)
    try stored.locate(jobs: request.resources.jobs)
    let own = try stored.dtypes(in: naming, asked: request.dtype)
    donors = try stored.take(request.splices, request, config: config, model: model, in: naming, plugin: plugin)
    self.stored = stored
    let whole = try ModelLayout(
      optimizer.added(to: model), components: optimizer.added(to: components, named: names), cluster: cluster,
      padVocabulary: request.padVocabulary)
    try whole.checkDeepstack()
    let asked = try transfer.dtype(of: config, asked: request.dtype)
    let dtypes = ReshardPlan.dtypes(asked, whole.description, own, components: components.count)
    let written = zip(whole.description.targets, dtypes).first { $0.0.dtype == nil }?.1
    // Masters are not what the model computes with.
    dtype = (transfer.writesMasters ? asked ?? weightDType : written) ?? .bf16
    layout = optimizer.followingParameters(
      in: try ImportPlan.sharing(whole, by: request.shardTable, to: format, dtypes: dtypes))
    let stand = WholeTensor.standIns(layout.description, dtypes)
    let units = WorkUnit.count(of: stand, windowBytes: request.resources.windowBytes)
    memory = PlanMemory(writing: format, layout, gathered: stored.catalog.chunks.count, units: units)
    try request.budget.check(
      memory, buffers: request.resources.bufferBytes(for: stand), jobs: min(request.resources.jobs, units))
    output = try PlannedOutput(
      format, layout, dtypes: dtypes, iteration: stored.iteration ?? 0, optimizer: entries)
    conversion = try ConversionPlan(
      from: stored.description, stored.catalog, to: layout.description, output.catalog,
      names: layout.description.targets.indices.map(layout.globalName))
    unread = try UnreadRows.all(of: conversion)
    training = try ReshardPlan.training(of: stored, to: format, layout, transfer, weightsOnly: request.weightsOnly)
    self.omissions = omissions + stored.unusedFiles + training.omissions + (stored.travelling?.omissions ?? [])
  }

  /// What goes along beside the tensors: nothing where the format has no place for it.
  private static func training(
    of stored: StoredCheckpoint, to format: OutputFormat, _ layout: ModelLayout, _ transfer: OptimizerTransfer,
    weightsOnly: Bool
  ) throws(MimoError) -> TrainingState {
    guard format != .ranks, let sizes = layout.components.first?.grid.layout else { return try .beginning() }
    if let legacy = stored.legacy { return try .read(from: legacy, layout: sizes) }
    guard let checkpoint = stored.dist else { return try .beginning() }
    return try .read(
      from: checkpoint, layout: sizes, optimizer: transfer.state.kinds.isEmpty ? nil : transfer,
      weightsOnly: weightsOnly)
  }

  /// What an fsdp_dtensor checkpoint has of its optimizer beside tensors, nil where there is no optimizer, or another
  /// format; and the source's entries that are no data, with what they name.
  private static func entries(
    _ transfer: OptimizerTransfer, of stored: StoredCheckpoint, to format: OutputFormat, _ model: ModelDescription,
    _ prefixes: [String]
  ) throws(MimoError) -> (own: [DistOutput.Entry]?, foreign: [String: String]) {
    guard format == .fsdpDTensor else { return (nil, [:]) }
    if case .entries(let groups, let others) = transfer.settings {
      return (try groups.entries(of: model, prefixes: prefixes) + others, [:])
    }
    guard let entries = try OptimizerEntries(of: stored) else { return (nil, [:]) }
    return (entries.entries, Dictionary(entries.foreign.map { ($0.key, $0.part) }) { first, _ in first })
  }

  /// Each target keeps its dtype, but for parameters that are wanted in another; the optimizer's state is none.
  private static func dtypes(
    _ asked: DType?, _ description: ModelDescription, _ own: [DType], components: Int
  ) -> [DType] {
    zip(description.targets, own).map { target, own in
      guard let asked, target.dtype == nil, target.component < components, own.isPlainFloat
      else { return own }
      return asked
    }
  }

  private static func omissions(
    _ transfer: OptimizerTransfer, _ obstacle: OptimizerObstacle?, of stored: StoredCheckpoint,
    _ entries: [DistOutput.Entry]?, _ foreign: [String: String]
  ) -> [Omission] {
    let weights = stored.model.targets.count
    let targets = transfer.drops.map { drop in
      let elements = stored.description.targets[drop.target].shape.elementCount ?? 0
      return Omission(
        name: stored.name(of: drop.target),
        bytes: stored.catalog.targets[drop.target].dtype.byteCount(elements: elements) ?? 0, reason: drop.reason,
        kind: drop.target < weights ? .weights : .other)
    }
    let carried = Set((entries ?? []).map(\.key))
    let left = stored.leftBehind.lazy.filter { !carried.contains($0) && !transfer.tells(of: $0, in: stored.dist) }
    let behind = left.map { key in
      LeftBehind(key: key, obstacle: obstacle?.reason, foreignPart: foreign[key]).omission(in: stored.dist)
    }
    return stored.drops.map(Omission.init) + targets + behind
  }

  /// Throws when a Hugging Face folder among the sources is not what its report says.
  func checkTensors(_ resources: Resources) throws(MimoError) {
    try stored.checkTensors(resources, except: Set(donors.flatMap(\.places)))
    for donor in donors { try donor.checkpoint.checkTensors(resources) }
  }

  /// What the user should know beside drops and changes.
  package var notes: [Note] {
    let rows = unread.map { Note($0.kind, $0.note(stored.name(of: $0.target))) }
    let changes = overrides.filter { stored.config.json[$0.path] != nil }.map { override in
      let what = override.value == .remove ? "taken out" : "changed"
      return Note(.remark, "config.json: \(override.path) was \(what): \(override.reason)")
    }
    let first = layoutNotes.map { Note(.remark, $0) } + (stored.travelling?.notes ?? [])
    return first + donors.flatMap(\.notes) + rows + transfer.notes + stored.extraStateNotes + changes
  }

  func outputModel(_ request: ConversionRequest) -> OutputModel {
    OutputModel(
      format: format, plugin: plugin, config: config, naming: naming, layout: layout, dtype: dtype,
      padsVocabulary: request.padVocabulary)
  }
}
