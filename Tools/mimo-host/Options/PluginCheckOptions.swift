import MimoSystem

/// `mimo-host plugin check`.
struct PluginCheckOptions: CommandOptions {
  private var givenSeed: UInt64?
  private var pluginTimeout: Seconds?
  /// A path, or the name of a plugin that ships with the host.
  var plugin = ""
  /// Paths of config.json files.
  var configs: [String] = []
  /// Numbers or names of the rules to try.
  var rules: [String] = []
  var json = false

  var seed: UInt64 { givenSeed ?? 1 }
  /// For one process of the plugin's, which describes up to 16 small models.
  var timeout: Duration { pluginTimeout?.duration ?? .seconds(20) }

  static var spec: CommandSpec<PluginCheckOptions> {
    CommandSpec(
      words: ["plugin", "check"], summary: "hold a plugin against the rules of the contract",
      usage: ["[--config FILE]... [--only RULE]... [--seed N] PLUGIN"],
      notes: """
        Tries each rule of docs/abi.md, in processes of the plugin's own. Rules about
        models are tried with each config, and with changes of it that follow from the
        seed; without a config they are skipped. Exit code 5 when a rule is broken.

        \(CommonHelp.exitCodes)
        """,
      operands: [OperandSpec("PLUGIN", \.plugin, "A path, or the name of one that ships with mimo-host")],
      groups: [
        OptionGroup(
          title: "Options",
          options: [
            .list("--config", "FILE", \.configs, "A config.json of the family; may be given again"),
            .value("--seed", "N", \.givenSeed, "What all random changes follow from (default 1)"),
            .list("--only", "RULE", \.rules, "Try this rule, by number or name; may be given again"),
            .pluginTimeout(\.pluginTimeout, default: 20),
            .flag("--json", \.json, "Print JSON, for machines"),
          ])
      ])
  }
}
