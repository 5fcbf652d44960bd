import MimoSystem

/// `mimo-host synth`.
struct SynthOptions: CommandOptions {
  private var givenPlugin: String?
  private(set) var pluginTimeout: Seconds?
  private var givenConfig: String?
  private var givenSeed: UInt64?
  private var givenMaxShardSize: ByteSize?
  var dtype: ModelDType?
  var expertStorage: ExpertStorage?
  var overwrite = false
  /// --trust-work-folder
  var trustsWorkFolder = false
  var run = RunOptions()
  var output = ""

  var plugin: String { givenPlugin ?? "" }
  /// The path of config.json.
  var config: String { givenConfig ?? "" }
  var seed: UInt64 { givenSeed ?? 0 }
  /// Bytes of a safetensors file, nil for the default.
  var maxShardSize: Int? { givenMaxShardSize?.bytes }

  static var spec: CommandSpec<SynthOptions> {
    CommandSpec(
      words: ["synth"], summary: "make a checkpoint with seeded values from a config alone",
      usage: ["--plugin P --config FILE [--seed N] OUT"],
      notes: """
        Writes a Hugging Face folder with every tensor of the model. The same config,
        seed and options give the same bytes.

        \(CommonHelp.exitCodes)
        """,
      operands: [OperandSpec("OUT", \.output, "The folder to write; must not exist")],
      groups: [
        OptionGroup(
          title: "What",
          options: [
            .value("--plugin", "P", \.givenPlugin, CommonHelp.plugin), .pluginTimeout(\.pluginTimeout),
            .value("--config", "FILE", \.givenConfig, "The model's config.json"),
            .value("--seed", "N", \.givenSeed, "Seed of the values (default 0)"),
            .value("--dtype", "DTYPE", \.dtype, CommonHelp.dtype),
            .value(
              "--expert-storage", "FORM", \.expertStorage,
              "How experts are stored: \(ExpertStorage.words) (default: as published)"),
            .value("--max-shard-size", "SIZE", \.givenMaxShardSize, "Largest safetensors file (default 5GB)"),
          ]),
        OptionGroup(
          title: "Run",
          options: RunOptions.resources.map { $0.lifted(\.run) }
            + [
              .flag("--overwrite", \.overwrite, CommonHelp.overwrite),
              .flag("--trust-work-folder", \.trustsWorkFolder, CommonHelp.trustWorkFolder),
            ] + RunOptions.output.map { $0.lifted(\.run) }),
      ])
  }

  func validate() throws(MimoError) {
    try run.validate()
    guard givenPlugin != nil else {
      throw MimoError(.usage, "--plugin is missing", remedy: "Name the model family's plugin")
    }
    guard givenConfig != nil else {
      throw MimoError(.usage, "--config is missing", remedy: "Name the model's config.json")
    }
  }
}
