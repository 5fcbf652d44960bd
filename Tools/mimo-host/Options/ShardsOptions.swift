import MimoParallel
import MimoSystem

/// `mimo-host shards`.
struct ShardsOptions: CommandOptions {
  private var givenPlugin: String?
  private(set) var pluginTimeout: Seconds?
  private var givenDType: ModelDType?
  private var givenRank: UInt64?
  var layout = LayoutOptions()
  var json = false
  var tsv = false
  var source = ""

  var plugin: String { givenPlugin ?? "" }
  var dtype: ModelDType? { givenDType }
  /// The only rank to show, nil for all.
  var rank: Int? { givenRank.map { Int(clamping: $0) } }

  var layoutRequest: LayoutRequest { layout.components.isEmpty ? .single(layout.single) : .mimo(layout.components) }
  /// Whether the rows are shared out as Megatron-FSDP does.
  var isFSDP: Bool { layout.forFSDPAlone != nil }

  static var spec: CommandSpec<ShardsOptions> {
    CommandSpec(
      words: ["shards"], summary: "show what each rank holds of each parameter",
      usage: ["--plugin P (--component ... | --tp N ...) [--rank N] [--json | --tsv] CONFIG_OR_DIR"],
      notes: """
        For each parameter and rank: global shape, local shape and offset, all from the
        layout; no rank is asked. With --fsdp N, or fsdp=N of a component, rows are cut as
        Megatron-FSDP's buffers are, and names are those of its state dict. A rank that
        holds two parts of a parameter (gate and up) has a line for each.

        The JSON form is what --shard-table of convert and plan takes: a list of all shards
        of all ranks, one message for all parameters.

        \(CommonHelp.exitCodes)
        """,
      operands: [OperandSpec("CONFIG_OR_DIR", \.source, "A config.json, or a Hugging Face folder")],
      groups: [
        OptionGroup(
          title: "What",
          options: [
            .value("--plugin", "P", \.givenPlugin, CommonHelp.plugin), .pluginTimeout(\.pluginTimeout),
            .value("--rank", "N", \.givenRank, "This rank alone (default: all)"),
            .value("--dtype", "DTYPE", \.givenDType, CommonHelp.dtype + ". Flat buffers are of one dtype"),
          ]),
        OptionGroup(title: "Layout", options: LayoutOptions.options.map { $0.lifted(\.layout) }),
        OptionGroup(
          title: "Output",
          options: [
            .flag("--json", \.json, "Print JSON, as --shard-table takes it"),
            .flag("--tsv", \.tsv, "Print a line a shard, fields apart by tabs"),
          ]),
      ])
  }

  func validate() throws(MimoError) {
    guard givenPlugin != nil else {
      throw MimoError(.usage, "--plugin is missing", remedy: "Name the model family's plugin")
    }
    guard !json || !tsv else { throw MimoError(.usage, "--json and --tsv exclude each other", remedy: "Give one of them") }
    if isFSDP { try layout.refuseBeyondFSDP() }
    guard !layout.components.isEmpty, let option = layout.singleOption else { return }
    throw MimoError(
      .usage, "--component and \(option) exclude each other",
      remedy: "Use --component for a MIMO model, or --tp, --pp and so on for a single one")
  }
}
