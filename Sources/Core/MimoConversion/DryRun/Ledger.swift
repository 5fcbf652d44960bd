import MimoCheckpoints
import MimoJSON
import MimoMapping
import MimoPluginHost
import MimoSystem
import MimoTensor
import MimoTransfer

/// What a conversion would do, told without moving a byte.
package struct Ledger: Sendable {
  package struct File: Sendable {
    package var path: String
    package var bytes: UInt64
  }

  /// What is left out: tensors by name, or by pattern where only a config is known.
  package struct Drop: Sendable {
    package var name: String
    package var reason: String
    /// nil for a pattern.
    package var bytes: Int?
  }

  package struct DTypeChange: Sendable {
    package var tensor: String
    package var from: DType
    package var to: DType
  }

  /// A change of value on the way to the Megatron side, and how many of its parameters have it.
  package struct Kernel: Sendable {
    package var name: String
    package var targets: Int
    /// The way back does not restore the values.
    package var isLossy: Bool
  }

  package let plugin: PluginInfo
  package let source: (path: String, format: String)
  package let outputFormat: String
  package let layout: JSONValue
  /// Tensors and bytes of the Hugging Face side; of the source where neither side is one.
  package let sources: (tensors: Int, parameters: Int, bytes: Int)
  /// Parameters of the Megatron side, the stored pieces and their bytes.
  package let targets: (tensors: Int, chunks: Int, bytes: Int)
  package let files: [File]
  /// Empty for an export.
  package let ranks: [RankShare]
  package let drops: [Drop]
  package let dtypeChanges: [DTypeChange]
  package let kernels: [Kernel]
  package let notes: [Note]
  /// What is known to be lost of the weights.
  package let concerns: WeightConcerns
  package let planHash: UInt64
  /// Bytes that a run is expected to have resident at most, beside buffers and in them.
  package let memory: (plan: Int, buffers: Int)

  package init(_ plan: ImportPlan, request: ConversionRequest) {
    let conversion = plan.conversion
    let files = plan.output.catalog.files.map { File(path: $0.path, bytes: $0.size) }
    self.init(
      conversion, plugin: plan.plugin, source: (request.source, plan.source.isConfigAlone ? "config" : "hf"),
      outputFormat: plan.format.rawValue, layout: plan.format == .prime ? .null : plan.layout.cluster.json, files: files,
      ranks: plan.format == .prime ? [] : RankShare.all(plan.layout, dtypes: conversion.stored.targets.map(\.dtype)),
      drops: Ledger.drops(of: plan), notes: plan.notes, concerns: Ledger.concerns(of: plan),
      memory: (plan.memory.bytes, request.resources.bufferBytes(for: conversion.whole)))
  }

  package init(_ plan: ExportPlan, request: ConversionRequest) {
    let files = plan.output.files.map { File(path: $0.path, bytes: $0.size) }
    let format = plan.stored.formatName
    self.init(
      plan.conversion, plugin: plan.plugin, source: (request.source, format), outputFormat: "hf", layout: .null,
      files: files, ranks: [], drops: plan.omissions.map { Drop(name: $0.name, reason: $0.reason, bytes: $0.bytes) },
      notes: plan.notes, concerns: WeightConcerns(notes: plan.notes, omissions: plan.omissions),
      memory: (plan.memory.bytes, request.resources.bufferBytes(for: plan.conversion.whole)))
  }

  package init(_ plan: ReshardPlan, request: ConversionRequest) {
    let conversion = plan.conversion
    self.init(
      conversion, plugin: plan.plugin, source: (request.source, plan.stored.formatName),
      outputFormat: plan.format.rawValue, layout: plan.layout.cluster.json,
      files: plan.output.catalog.files.map { File(path: $0.path, bytes: $0.size) },
      ranks: RankShare.all(plan.layout, dtypes: conversion.stored.targets.map(\.dtype)),
      drops: plan.omissions.map { Drop(name: $0.name, reason: $0.reason, bytes: $0.bytes) }, notes: plan.notes,
      concerns: WeightConcerns(notes: plan.notes, omissions: plan.omissions),
      memory: (plan.memory.bytes, request.resources.bufferBytes(for: conversion.whole)))
  }

  private init(
    _ plan: ConversionPlan, plugin: PluginInfo, source: (path: String, format: String), outputFormat: String,
    layout: JSONValue, files: [File], ranks: [RankShare], drops: [Drop], notes: [Note], concerns: WeightConcerns,
    memory: (plan: Int, buffers: Int)
  ) {
    self.plugin = plugin
    self.source = source
    self.outputFormat = outputFormat
    self.layout = layout
    sources = (plan.whole.count, plan.whole.reduce(0) { $0 + $1.elementCount }, plan.wholeBytes)
    targets = (plan.description.targets.count, plan.stored.chunks.count, Ledger.storedBytes(plan))
    self.files = files
    self.ranks = ranks
    self.drops = drops
    dtypeChanges = Ledger.changes(in: plan)
    kernels = Ledger.kernels(in: plan)
    self.notes = notes
    self.concerns = concerns
    planHash = plan.hash
    self.memory = memory
  }

  private static func drops(of plan: ImportPlan) -> [Drop] {
    if plan.source.isConfigAlone {
      return plan.layout.description.drops.map { Drop(name: $0.pattern, reason: $0.reason, bytes: nil) }
    }
    return plan.omissions.map { Drop(name: $0.name, reason: $0.reason, bytes: $0.bytes) }
  }

  /// Of a config alone it is not known which of the tensors to drop there are.
  private static func concerns(of plan: ImportPlan) -> WeightConcerns {
    WeightConcerns(notes: plan.notes, omissions: plan.source.isConfigAlone ? [] : plan.omissions)
  }

  private static func storedBytes(_ plan: ConversionPlan) -> Int {
    var bytes = 0
    for (target, stored) in zip(plan.description.targets, plan.stored.targets) {
      bytes += stored.dtype.byteCount(elements: target.shape.elementCount ?? 0) ?? 0
    }
    return bytes
  }

  private static func changes(in plan: ConversionPlan) -> [DTypeChange] {
    plan.whole.indices.compactMap { index in
      plan.dtypeChange(of: index).map { DTypeChange(tensor: $0.tensor, from: $0.from, to: $0.to) }
    }
  }

  private static func kernels(in plan: ConversionPlan) -> [Kernel] {
    var counts: [ElementKernel: Int] = [:]
    for target in plan.description.targets {
      guard let kernel = target.fragments.lazy.compactMap(\.kernel).first else { continue }
      counts[kernel, default: 0] += 1
    }
    return counts.map { Kernel(name: $0.key.name, targets: $0.value, isLossy: $0.key.isLossy) }.sorted { $0.name < $1.name }
  }
}

extension ImportSource {
  var isConfigAlone: Bool {
    if case .config = self { return true }
    return false
  }
}
