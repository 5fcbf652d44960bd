import MimoCheckpoints
import MimoContainers
import MimoMapping
import MimoParallel
import MimoPluginHost
import MimoSystem
import MimoTensor
import MimoTransfer

/// Everything about an import (Hugging Face -> Megatron) before a byte moves.
package struct ImportPlan: Sendable {
  package let format: OutputFormat
  package let plugin: PluginInfo
  package let source: ImportSource
  package let config: ModelConfig
  package let naming: ModelNaming
  package let layout: ModelLayout
  package let match: SourceMatch
  /// The files that are no weights; nil for a config alone.
  package let travelling: TravellingFiles?
  package let output: PlannedOutput
  package let conversion: ConversionPlan
  /// The dtype of the model's parameters.
  package let dtype: DType
  /// What the user should know of the layout.
  package let layoutNotes: [String]
  package let memory: PlanMemory

  package init(
    _ request: ConversionRequest, to format: OutputFormat, from source: ImportSource, plugin: PluginLibrary
  ) throws(MimoError) {
    let part = try ModelPart(request.only, of: plugin.info)
    self.format = format
    self.plugin = part.plugin
    config = source.config
    let cluster = try ImportPlan.cluster(request, to: format, plugin: part.plugin)
    naming = format == .prime ? .prime : ModelNaming(cluster.form)
    // The reference casts a MIMO model to bf16, whatever the config says.
    dtype = try config.dtype(asked: request.dtype ?? (naming == .mimo ? .bf16 : nil))
    let description = part.described(
      try plugin.describe(
        config.input(sources: source.shapes, options: request.pluginOptions), layout: naming.rawValue))
    let source = try source.settled(description)
    self.source = source
    match = try source.match(description, dtype: dtype)
    travelling = try source.travelling()
    layoutNotes = request.layoutNotes(part.plugin, description)
    let isWrapped = format == .fsdpDTensor
    let whole = try ModelLayout(
      description, components: isWrapped ? naming.wrappedComponents(of: part.plugin) : naming.components(of: part.plugin),
      cluster: cluster, padVocabulary: request.padVocabulary)
    if format != .prime { try whole.checkDeepstack() }
    let dtypes = whole.description.targets.map { [dtype] in $0.dtype ?? dtype }
    layout = try ImportPlan.sharing(whole, by: request.shardTable, to: format, dtypes: dtypes)
    let units = WorkUnit.count(of: match.whole, windowBytes: request.resources.windowBytes)
    memory = PlanMemory(writing: format, layout, units: units)
    try request.budget.check(
      memory, buffers: request.resources.bufferBytes(for: match.whole), jobs: min(request.resources.jobs, units))
    output =
      format == .prime
      ? try ImportPlan.primeOutput(request, layout.description, match.whole, dtype: dtype)
      : try PlannedOutput(format, layout, dtypes: dtypes)
    conversion = try ConversionPlan(
      .wholeToStored, description: layout.description, whole: match.whole, wholeFiles: source.files,
      stored: output.catalog)
  }

  func outputModel(_ request: ConversionRequest) -> OutputModel {
    OutputModel(
      format: format, plugin: plugin, config: config, naming: naming, layout: layout, dtype: dtype,
      padsVocabulary: request.padVocabulary)
  }

  /// What of the source OUT does not have.
  package var omissions: [Omission] { match.drops.map(Omission.init) + source.unused + (travelling?.omissions ?? []) }

  /// What the user should know beside drops and changes.
  package var notes: [Note] {
    var notes = layoutNotes.map { Note(.remark, $0) } + (travelling?.notes ?? [])
    notes += match.duplicates.map { duplicate in
      duplicate.dropReason == nil
        ? "\(duplicate.name) holds the same as \(duplicate.original), which it is tied to"
        : "\(duplicate.name) may repeat \(duplicate.original); it is left out if it differs"
    }
    if case .folder(let folder) = source { notes += folder.leftOut.map { Note(.remark, "\($0) does not travel along") } }
    notes += conversion.lossyTensors.map {
      Note(.remark, "\($0.tensor): \($0.kernel.name) is lossy, --to hf does not restore it")
    }
    return notes + conversion.decodedNotes
  }

  /// What each rank holds of each parameter, or one rank.
  package func shardTable(rank: Int?) throws(MimoError) -> ShardTable {
    var budget = MemoryBudget()
    budget.isForShow = true
    let ranks = rank == nil ? layout.cluster.worldSize : 1
    try budget.check(PlanMemory(shards: ranks, of: layout.description.targets.count), buffers: 0, jobs: 1)
    return layout.shardTable(format == .fsdpDTensor ? .fsdp(FSDPKeys(layout.description)) : .torchDist, rank: rank)
  }

  /// The ranks that the user asked for; a folder in layout prime is whole, as on one rank.
  static func cluster(
    _ request: ConversionRequest, to format: OutputFormat, plugin: PluginInfo
  ) throws(MimoError) -> ClusterLayout {
    if format == .prime { return try cluster(.single(.init()), worldSize: nil, plugin: plugin) }
    guard let asked = request.layout else { throw MimoError(.internalError, "an import without a layout") }
    if let only = request.only, case .mimo(let components) = asked, let other = components.first(where: { $0.name != only }) {
      throw MimoError(
        .usage, "--only \(only) leaves component \(other.name) out, which --component lays out",
        remedy: "Write --component for \(only) alone")
    }
    return try cluster(asked, worldSize: request.worldSize, plugin: plugin)
  }

  /// The ranks that the user asked for.
  package static func cluster(
    _ request: LayoutRequest, worldSize: Int?, plugin: PluginInfo
  ) throws(MimoError) -> ClusterLayout {
    switch request {
    case .single(let sizes): return try ClusterLayout.single(sizes, worldSize: worldSize)
    case .mimo(let components):
      let declared = plugin.components.map {
        ClusterLayout.Declared(name: $0.name, isEncoder: !$0.modalityKey.isEmpty)
      }
      return try ClusterLayout.solve(components, declared: declared, worldSize: worldSize)
    }
  }

  /// The layout with rows shared out where the format does that.
  ///
  /// - Parameters:
  ///   - table: the file of a table that a running job exported, which must agree with the layout.
  ///   - dtypes: parallel to the description's targets.
  static func sharing(
    _ layout: ModelLayout, by table: String?, to format: OutputFormat, dtypes: [DType]
  ) throws(MimoError) -> ModelLayout {
    guard let table else { return format == .fsdpDTensor ? try layout.sharingRows(dtypes) : layout }
    let exported = ExportedShards(try ShardTable(path: table), path: table)
    if format == .fsdpDTensor { return try exported.sharingRows(layout) }
    try exported.check(layout)
    return layout
  }

  private static func primeOutput(
    _ request: ConversionRequest, _ description: ModelDescription, _ whole: [WholeTensor], dtype: DType
  ) throws(MimoError) -> PlannedOutput {
    let dtypes = description.primeDTypes(whole, model: dtype, asked: request.dtype)
    return .prime(
      try PrimeOutput(
        description, dtypes: dtypes, shardBytes: request.shardBytes ?? WholeOutput.defaultShardBytes))
  }
}
