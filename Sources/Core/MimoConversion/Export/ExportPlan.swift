import MimoCheckpoints
import MimoContainers
import MimoJSON
import MimoMapping
import MimoPluginHost
import MimoSystem
import MimoTensor
import MimoTransfer

/// Everything about an export (Megatron -> Hugging Face) before a byte moves.
package struct ExportPlan: Sendable {
  package let plugin: PluginInfo
  package let stored: StoredCheckpoint
  package let output: WholeOutput
  package let conversion: ConversionPlan
  /// What the original had and this layout does not.
  package let missing: [String]
  /// What config.json must say otherwise than the original's.
  let overrides: [ConfigOverride]
  /// Rows that pad a vocabulary, or that config.json cuts off.
  let unread: [UnreadRows]
  /// Checkpoints that components are taken from.
  let donors: [Donor]
  package let memory: PlanMemory

  package init(
    _ request: ConversionRequest, from format: CheckpointFormat, plugin: PluginLibrary
  ) throws(MimoError) {
    self.plugin = plugin.info
    var stored = try StoredCheckpoint(request.reference, format: format, plugin: plugin)
    if let only = stored.only {
      throw MimoError(
        .unsupported, "holds component \(only) alone, but a Hugging Face folder is of a whole model", path: stored.path,
        remedy: "Put it into a whole checkpoint with mimo-host splice first")
    }
    try stored.locate(jobs: request.resources.jobs)
    donors = try stored.take(
      request.splices, request, config: stored.config, model: stored.model, in: stored.naming, plugin: plugin)
    self.stored = stored
    let donated = donors.reduce(into: [:]) { $0.merge($1.publishedDTypes()) { own, _ in own } }
    output = try ExportPlan.output(request, stored, donated)
    missing = try ExportPlan.missing(stored, request, plugin)
    overrides = stored.description.configOverrides + stored.config.saying(request.dtype)
    let units = WorkUnit.count(of: output.whole, windowBytes: request.resources.windowBytes)
    memory = PlanMemory(reading: stored.catalog, stored.description, units: units)
    try request.budget.check(
      memory, buffers: request.resources.bufferBytes(for: output.whole), jobs: min(request.resources.jobs, units))
    conversion = try ConversionPlan(
      .storedToWhole, description: stored.description.withoutKernels(ofPublished: stored.catalog), whole: output.whole,
      wholeFiles: output.files, stored: stored.catalog)
    unread = try UnreadRows.all(of: conversion)
  }

  /// Throws when a Hugging Face folder among the sources is not what its report says.
  func checkTensors(_ resources: Resources) throws(MimoError) {
    try stored.checkTensors(resources, except: Set(donors.flatMap(\.places)))
    for donor in donors { try donor.checkpoint.checkTensors(resources) }
  }

  /// What of the source OUT does not have.
  package var omissions: [Omission] { stored.unusedFiles + (stored.travelling?.omissions ?? []) }

  /// What the user should know beside drops and changes.
  package var notes: [Note] {
    var notes = (stored.travelling?.notes ?? []) + donors.flatMap(\.notes)
    notes += unread.map { Note($0.kind, $0.note(stored.name(of: $0.target))) }
    notes += missing.map {
      Note(.weights, "\($0) was in the original and has no place in layout \(stored.naming.rawValue)")
    }
    if !stored.encoded.isEmpty {
      notes.append("\(counted(stored.encoded.count, "tensor")) of the original were codes and scales; their values are written plain")
    }
    for override in overrides where stored.config.json[override.path] != nil {
      let what = override.value == .remove ? "taken out" : "changed"
      notes.append("config.json: \(override.path) was \(what): \(override.reason)")
    }
    notes += conversion.lossyTensors.map { Note(.remark, "\($0.tensor): \($0.kernel.name) is lossy, what it took is not put back") }
    return notes + stored.leftBehind.map { Note(.remark, "\($0) is no weight and was left behind") }
  }

  /// - Parameter donated: dtypes of tensors that come from other checkpoints.
  private static func output(
    _ request: ConversionRequest, _ stored: StoredCheckpoint, _ donated: [String: DType]
  ) throws(MimoError) -> WholeOutput {
    let description = stored.description
    if request.shardBytes == nil, let manifest = stored.manifest,
      knows(manifest, description, inOtherForm: request.expertStorage != nil)
    {
      return try WholeOutput(restoring: manifest, for: description) { spec in
        request.dtype.flatMap { spec.dtype.isPlainFloat ? $0 : nil } ?? donated[spec.name] ?? spec.dtype
      }
    }
    let model = try stored.config.dtype(asked: request.dtype)
    let known = (stored.manifest.map(dtypes) ?? [:]).merging(donated) { $1 }
    let held = stored.format == .prime ? stored.primeDTypes : [:]
    return try WholeOutput(description, shardBytes: request.shardBytes ?? WholeOutput.defaultShardBytes) { source in
      let own = known[source.name].flatMap { $0.isPlainFloat ? $0 : nil }
      return request.dtype ?? own ?? held[source.name] ?? source.published ?? model
    }
  }

  /// Whether the record names every tensor that is written (it does not when experts are asked for in another form) with
  /// values of its own (not codes, which a quantised original has).
  ///
  /// - Parameter inOtherForm: the user asked for a form of experts, in which tensors of the same names have other shapes.
  private static func knows(
    _ manifest: SourceManifest, _ description: ModelDescription, inOtherForm: Bool
  ) -> Bool {
    var known: [String: TensorSpec] = [:]
    for file in manifest.files { for tensor in file.tensors { known[tensor.name] = tensor } }
    return description.sources.allSatisfy { source in
      guard let tensor = known[source.name], !tensor.dtype.isCode else { return false }
      return !inOtherForm || tensor.shape == source.shape
    }
  }

  private static func dtypes(_ manifest: SourceManifest) -> [String: DType] {
    var dtypes: [String: DType] = [:]
    for file in manifest.files { for tensor in file.tensors { dtypes[tensor.name] = tensor.dtype } }
    return dtypes
  }

  private static func missing(
    _ stored: StoredCheckpoint, _ request: ConversionRequest, _ plugin: PluginLibrary
  ) throws(MimoError) -> [String] {
    guard let manifest = stored.manifest else { return [] }
    var known = Set(stored.description.sources.map(\.name))
    if request.expertStorage != nil {
      // Experts in another form have other names; those of the original have a place all the same.
      let own = try stored.origin.describe(stored.naming, expertStorage: nil, isWrittenPlain: true, plugin: plugin)
      known.formUnion(own.sources.map(\.name))
    }
    for tie in stored.description.ties { known.insert(tie.duplicate) }
    known.subtract(manifest.leftOut)
    known.formUnion(stored.encoded)
    return manifest.files.flatMap(\.tensors).map(\.name).filter { !known.contains($0) }
  }
}
