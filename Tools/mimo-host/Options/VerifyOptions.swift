import MimoSystem

/// `mimo-host verify`.
struct VerifyOptions: CommandOptions {
  private var givenPlugin: String?
  private(set) var pluginTimeout: Seconds?
  var configFolder: String?
  var followsLinks = false
  var run = RunOptions()
  var first = ""
  var second = ""

  var plugin: String { givenPlugin ?? "" }

  static var spec: CommandSpec<VerifyOptions> {
    CommandSpec(
      words: ["verify"], summary: "compare the weights of two checkpoints", usage: ["--plugin P A B", "--plugin P A"],
      notes: """
        A and B may have any two formats and layouts. Names what differs, with the first
        differing element of each tensor, and exits with 7. config.json, tokenizer and other
        files beside the weights are compared too. A alone is checked, file by file, against
        the digests of the conversion_report.json in it.

        \(CommonHelp.exitCodes)
        """,
      operands: [
        OperandSpec("A", \.first, "A checkpoint"), OperandSpec("B", \.second, "The one to compare it with", isRequired: false),
      ],
      groups: [
        OptionGroup(
          title: "What",
          options: [
            .value("--plugin", "P", \.givenPlugin, CommonHelp.plugin), .pluginTimeout(\.pluginTimeout),
            .value("--hf-config", "DIR", \.configFolder, "Folder of the model's config.json, for one without a record"),
            .flag("--follow-links", \.followsLinks, CommonHelp.followLinks),
          ]),
        OptionGroup(
          title: "Run",
          options: RunOptions.resources.map { $0.lifted(\.run) } + RunOptions.output.map { $0.lifted(\.run) }),
      ])
  }

  func validate() throws(MimoError) {
    try run.validate(for: .comparing)
    guard givenPlugin != nil else {
      throw MimoError(.usage, "--plugin is missing", remedy: "Name the model family's plugin")
    }
  }
}
