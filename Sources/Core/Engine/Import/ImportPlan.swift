import MimoFormats
import MimoMapping
import MimoParallel
import MimoPlan
import MimoPlugins
import MimoSystem
import MimoTensor

/// Everything about an import (Hugging Face -> Megatron) before a byte moves.
package struct ImportPlan: Sendable {
  /// The format to write.
  package enum Format: String, Sendable {
    /// A distributed checkpoint of a MIMO model.
    case mimo
    /// A distributed checkpoint of a single model.
    case megatron
    /// A safetensors file a rank.
    case ranks
    /// A folder in prime-rl's layout.
    case prime
  }

  /// Where the bytes go.
  package enum Output: Sendable {
    case dist(DistOutput)
    case ranks(RanksOutput)
    case prime(PrimeOutput)

    package var catalog: StoredCatalog {
      switch self {
      case .dist(let output): output.catalog
      case .ranks(let output): output.catalog
      case .prime(let output): output.catalog
      }
    }

    /// Where everything of a format with ranks will lie.
    ///
    /// - Parameter dtypes: parallel to the description's targets.
    init(_ format: Format, _ layout: ModelLayout, dtypes: [DType]) throws(MimoError) {
      switch format {
      case .mimo, .megatron:
        let state = try DistCheckpointCompanions.extraStateItem()
        self = .dist(try DistOutput(layout, dtypes: dtypes, stateBytes: state))
      case .ranks:
        let inventory = try RankInventory(layout, dtypes: dtypes)
        self = .ranks(try RanksOutput(layout, inventory: inventory, dtypes: dtypes))
      case .prime: throw MimoError(.internalError, "layout prime has no ranks")
      }
    }
  }

  package let format: Format
  package let plugin: PluginInfo
  package let source: ImportSource
  package let config: ModelConfig
  package let naming: ModelNaming
  package let layout: ModelLayout
  package let match: SourceMatch
  package let output: Output
  package let conversion: ConversionPlan
  /// The dtype of the model's parameters.
  package let dtype: DType

  package init(
    _ request: ConversionRequest, to format: Format, from source: ImportSource, plugin: PluginLibrary
  ) throws(MimoError) {
    self.format = format
    self.plugin = plugin.info
    self.source = source
    config = source.config
    let cluster = try ImportPlan.cluster(request, to: format, plugin: plugin.info)
    naming = format == .prime ? .prime : ModelNaming(cluster.form)
    // The reference casts a MIMO model to bf16, whatever the config says.
    dtype = try config.dtype(asked: request.dtype ?? (naming == .mimo ? .bf16 : nil))
    let description = try plugin.describe(
      config.input(sources: source.shapes, options: request.pluginOptions), layout: naming.rawValue)
    match = try source.match(description, dtype: dtype)
    layout = try ModelLayout(
      description, components: naming.components(of: plugin.info), cluster: cluster,
      padVocabulary: request.padVocabulary)
    output =
      format == .prime
      ? try ImportPlan.primeOutput(request, layout.description, match.whole, dtype: dtype)
      : try Output(format, layout, dtypes: layout.description.targets.map { [dtype] in $0.dtype ?? dtype })
    conversion = try ConversionPlan(
      .wholeToStored, description: layout.description, whole: match.whole, wholeFiles: source.files,
      stored: output.catalog)
  }

  func outputModel(_ request: ConversionRequest) -> OutputModel {
    OutputModel(
      plugin: plugin, config: config, naming: naming, layout: layout, dtype: dtype,
      padsVocabulary: request.padVocabulary)
  }

  /// What the user should know beside drops and changes.
  package var notes: [String] {
    var notes = match.duplicates.map { duplicate in
      duplicate.dropReason == nil
        ? "\(duplicate.name) holds the same as \(duplicate.original), which it is tied to"
        : "\(duplicate.name) may repeat \(duplicate.original); it is left out if it differs"
    }
    if case .folder(let folder) = source { notes += folder.leftOut.map { "\($0) does not travel along" } }
    notes += conversion.lossyTensors.map { "\($0.tensor): \($0.kernel.name) is lossy, --to hf does not restore it" }
    return notes + conversion.decodedNotes
  }

  /// The ranks that the user asked for; a folder in layout prime is whole, as on one rank.
  static func cluster(
    _ request: ConversionRequest, to format: Format, plugin: PluginInfo
  ) throws(MimoError) -> ClusterLayout {
    if format == .prime { return try cluster(.single(.init()), worldSize: nil, plugin: plugin) }
    guard let asked = request.layout else { throw MimoError(.internalError, "an import without a layout") }
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

  private static func primeOutput(
    _ request: ConversionRequest, _ description: ModelDescription, _ whole: [WholeTensor], dtype: DType
  ) throws(MimoError) -> Output {
    let dtypes = description.primeDTypes(whole, model: dtype, asked: request.dtype)
    return .prime(
      try PrimeOutput(
        description, dtypes: dtypes, shardBytes: request.shardBytes ?? ExportPlan.defaultShardBytes))
  }
}
