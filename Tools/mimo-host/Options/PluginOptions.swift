/// `mimo-host plugin list`.
struct PluginListOptions: CommandOptions {
  var probe = false
  private(set) var pluginTimeout: Seconds?
  var json = false

  static var spec: CommandSpec<PluginListOptions> {
    CommandSpec(
      words: ["plugin", "list"], summary: "list the plugins that ship with mimo-host", usage: ["[--probe] [--json]"],
      notes: """
        Plugins lie beside the program, or in ../lib/mimo-host. A file is listed when its
        table of symbols, read as a file, has the entry of a plugin: no code is run.

        \(CommonHelp.exitCodes)
        """,
      operands: [],
      groups: [
        OptionGroup(
          title: "Options",
          options: [
            .flag("--probe", \.probe, "Run each, in a process of its own: version, layouts, architectures"),
            .pluginTimeout(\.pluginTimeout),
            .flag("--json", \.json, "Print JSON, for machines"),
          ])
      ])
  }
}

/// `mimo-host plugin describe`.
struct PluginDescribeOptions: CommandOptions {
  /// A path, or the name of a plugin that ships with the host.
  var plugin = ""
  /// The path of config.json.
  var config: String?
  /// The layout whose mappings are shown, nil for the plugin's first.
  var layout: String?
  private(set) var pluginTimeout: Seconds?
  var json = false

  static var spec: CommandSpec<PluginDescribeOptions> {
    CommandSpec(
      words: ["plugin", "describe"], summary: "show what a plugin is, and its mappings for a config",
      usage: ["[--config FILE [--layout NAME]] [--json] PLUGIN"],
      notes: """
        A plugin is code that runs: only name one that you trust.

        \(CommonHelp.exitCodes)
        """,
      operands: [OperandSpec("PLUGIN", \.plugin, "A path, or the name of one that ships with mimo-host")],
      groups: [
        OptionGroup(
          title: "Options",
          options: [
            .value("--config", "FILE", \.config, "A model's config.json: show every mapping for it"),
            .value("--layout", "NAME", \.layout, "Layout to show: mimo, megatron (default: the plugin's first)"),
            .pluginTimeout(\.pluginTimeout),
            .flag("--json", \.json, "Print JSON, for machines"),
          ])
      ])
  }
}
