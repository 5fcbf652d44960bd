import MimoParallel
import MimoSystem

/// `mimo-host convert`.
struct ConvertOptions: CommandOptions {
  private(set) var givenTarget: Format?
  private(set) var givenPlugin: String?
  private(set) var pluginTimeout: Seconds?
  private var givenMaxShardSize: ByteSize?
  private var givenDType: ModelDType?
  /// --from, nil: recognise it.
  var sourceFormat: Format?
  var layout = LayoutOptions()
  var run = RunOptions()
  /// --hf-config: the folder of the model's config.json, for checkpoints that do not say their model.
  var configFolder: String?
  var expertStorage: ExpertStorage?
  /// --only: the one component that is converted.
  var only: String?
  /// --weights-only: no optimizer or other state of a training.
  var weightsOnly = false
  /// --strict: no weights may be lost.
  var strict = false
  /// --shard-table: the file of a table that a running job exported.
  var shardTable: String?
  /// --ignore-report: read SOURCE whatever the report beside it says.
  var ignoresReport = false
  var overwrite = false
  /// --restart: forget what an unfinished run did.
  var restart = false
  /// --follow-links
  var followsLinks = false
  /// --trust-work-folder
  var trustsWorkFolder = false
  /// --dry-run
  var isDry = false
  var source = ""
  /// Empty only for `plan`.
  var output = ""

  var plugin: String { givenPlugin ?? "" }
  var target: Format { givenTarget ?? .mimo }
  var dtype: ModelDType? { givenDType }
  /// Bytes of a safetensors file.
  var maxShardSize: Int? { givenMaxShardSize?.bytes }

  /// Ranks in all, nil for as few as fit: --world-size, or a launcher's world where a component leaves its share open.
  var worldSize: Int? {
    if let said = layout.worldSize { return said }
    return layout.components.contains { $0[.dp] == nil } ? LauncherWorld.size() : nil
  }

  /// The asked layout, nil where the target has none.
  var layoutRequest: LayoutRequest? {
    switch target {
    case .hf, .prime: nil
    case .mimo: .mimo(layout.components)
    case .megatron: .single(layout.single)
    case .ranks, .fsdpDTensor: layout.components.isEmpty ? .single(layout.single) : .mimo(layout.components)
    }
  }

  static var spec: CommandSpec<ConvertOptions> {
    CommandSpec(
      words: ["convert"], summary: "convert a checkpoint to another format and parallel layout",
      usage: [
        "--plugin P --to mimo --component NAME=tp=N[,...] ... SOURCE OUT",
        "--plugin P --to megatron [--tp N --pp N ...] SOURCE OUT",
        "--plugin P --to fsdp_dtensor (--component NAME=fsdp=N[,...] ... | --fsdp N ...) SOURCE OUT",
        "--plugin P --to ranks (--component ... | --tp N ...) SOURCE OUT",
        "--plugin P --to prime HF_DIR OUT",
        "--plugin P --to hf SOURCE OUT",
      ],
      notes: """
        OUT appears whole or not at all, with conversion_report.json in it; the source is
        only read, and what is read must have the digests of its own conversion_report.json,
        if it has one. A run that was stopped, however it was, goes on where it was when the
        same command is run again (its work lies beside OUT, in .OUT.mimo-host-work).
        Nothing is written before it is proven that each element of OUT is
        written once and each source tensor is used or dropped for a stated reason.

        Example, language on 8 ranks and the vision encoder on one more:
          mimo-host convert --plugin Qwen3VL --to mimo \\
            --component language=tp=4,pp=2 --component images=tp=1 Qwen3-VL-8B OUT

        \(CommonHelp.exitCodes)
        """,
      operands: [
        OperandSpec(
          "SOURCE", \.source,
          "The checkpoint to read: a folder in any format of --to, or a legacy one (mp_rank_*), or a model of the hub that was downloaded (ORG/NAME[@REVISION])"),
        OperandSpec("OUT", \.output, "The folder to write; must not exist"),
      ],
      groups: [
        OptionGroup(
          title: "What",
          options: [
            .value("--plugin", "P", \.givenPlugin, CommonHelp.plugin), .pluginTimeout(\.pluginTimeout),
            .value("--to", "FORMAT", \.givenTarget, "Format to write: \(Format.words)"),
            .value("--from", "FORMAT", \.sourceFormat, "Format of SOURCE (default: recognised)"),
            .value("--dtype", "DTYPE", \.givenDType, CommonHelp.dtype),
            .value("--hf-config", "DIR", \.configFolder, "Folder of the model's config.json, if SOURCE has none"),
            .flag("--follow-links", \.followsLinks, CommonHelp.followLinks),
            .value("--only", "NAME", \.only, "Convert this component alone, for splice. With --to mimo or megatron"),
            .flag("--weights-only", \.weightsOnly, "Leave optimizer and training state of a Megatron checkpoint behind"),
            .flag("--strict", \.strict, "Refuse to lose, change or leave out any weight; nothing is published then"),
            .value(
              "--shard-table", "FILE", \.shardTable,
              "Shards that a running job exported (see mimo-host shards): refused if the layout makes others, obeyed for fsdp_dtensor's rows"),
            .value("--expert-storage", "FORM", \.expertStorage, CommonHelp.expertStorage),
            .value("--max-shard-size", "SIZE", \.givenMaxShardSize, CommonHelp.maxShardSize + ". With --to hf or prime"),
          ]),
        OptionGroup(title: "Layout", options: LayoutOptions.options.map { $0.lifted(\.layout) }),
        OptionGroup(
          title: "Run",
          options: RunOptions.resources.map { $0.lifted(\.run) }
            + [
              .flag(
                "--ignore-report", \.ignoresReport,
                "Read a source even if its bytes are not those of the conversion_report.json beside it"),
              .flag("--dry-run", short: "-n", \.isDry, CommonHelp.dryRun),
              .flag("--overwrite", \.overwrite, CommonHelp.overwrite),
              .flag("--restart", \.restart, "Forget the work of a run that was stopped, and begin anew"),
              .flag("--trust-work-folder", \.trustsWorkFolder, CommonHelp.trustWorkFolder),
            ] + RunOptions.output.map { $0.lifted(\.run) }),
      ])
  }
}

// MARK: - What goes with what

extension ConvertOptions {
  func validate() throws(MimoError) {
    try run.validate()
    guard givenPlugin != nil else { throw refuse("--plugin is missing", "Name the model family's plugin") }
    guard givenTarget != nil else { throw refuse("--to is missing", "Say --to and one of \(Format.words)") }
    if shardTable != nil, target == .hf || target == .prime {
      throw refuse("--shard-table does not go with --to \(target.rawValue)", "Such a folder has no shards; leave it out")
    }
    if target != .fsdpDTensor, let option = layout.forFSDPAlone {
      throw refuse("\(option) goes with --to fsdp_dtensor only", "Use dp, or leave it out")
    }
    switch target {
    case .hf, .prime: try refuseLayout()
    case .fsdpDTensor:
      try layout.refuseBeyondFSDP()
      if !layout.components.isEmpty, let option = layout.singleOption {
        throw refuse("--component and \(option) exclude each other", "Use --component for a MIMO model, --fsdp, --tp and so on for a single one")
      }
    case .mimo:
      if let option = layout.singleOption {
        throw refuse("\(option) does not go with --to mimo", "Write --component NAME=tp=N[,...] for each component")
      }
      guard !layout.components.isEmpty else {
        throw refuse("--to mimo wants --component", "Write --component NAME=tp=N[,...] for each component")
      }
    case .megatron:
      guard layout.components.isEmpty else {
        throw refuse("--component does not go with --to megatron", "Use --tp, --pp and so on, or --to mimo")
      }
    case .ranks:
      guard layout.components.isEmpty != (layout.singleOption == nil) else {
        let reason =
          layout.singleOption.map { "--component and \($0) exclude each other" } ?? "--to ranks wants a layout"
        throw refuse(reason, "Use --component for a MIMO model, or --tp, --pp and so on for a single one")
      }
    }
    if only != nil, target != .mimo, target != .megatron {
      throw refuse("--only goes with --to mimo and --to megatron only", "Other formats are of whole models")
    }
    if weightsOnly, target != .mimo, target != .megatron, target != .fsdpDTensor {
      throw refuse(
        "--weights-only goes with --to mimo, --to megatron and --to fsdp_dtensor only",
        "Other formats have nothing but weights")
    }
    if target != .hf, target != .prime {
      if maxShardSize != nil { throw refuse("--max-shard-size goes with --to hf and --to prime only") }
    }
  }

  /// Hugging Face and prime folders have no parallel layout.
  private func refuseLayout() throws(MimoError) {
    guard let option = layout.anyOption else { return }
    throw refuse(
      "\(option) does not go with --to \(target.rawValue)", "Such a folder has no parallel layout; leave it out")
  }

  private func refuse(_ reason: String, _ remedy: String? = nil) -> MimoError {
    MimoError(.usage, reason, remedy: remedy)
  }
}
