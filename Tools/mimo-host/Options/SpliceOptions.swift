import MimoConversion
import MimoSystem

/// `mimo-host splice`.
struct SpliceOptions: CommandOptions {
  /// BASE, OUT, and how they are converted.
  var conversion = ConvertOptions()
  /// --from, one a component.
  var donors: [Splice] = []
  /// --dry-run
  var isDry = false

  /// Options of convert that have no meaning here.
  private static let withoutMeaning: Set<String> = [
    "--from", "--only", "--weights-only", "--shard-table", "--expert-storage",
  ]

  static var spec: CommandSpec<SpliceOptions> {
    CommandSpec(
      words: ["splice"], summary: "put components of other checkpoints into one",
      usage: ["--from NAME=OTHER ... [--to FORMAT LAYOUT] BASE OUT"],
      notes: """
        OUT is BASE with the named components of the OTHERs. Each of them may be a Hugging
        Face folder or a checkpoint of any Megatron format. A component fits when
        config.json says the same of it and its parameters have the same names, shapes
        and dtypes. All else is BASE's, bit for bit: before OUT appears, all of it is
        read again and held against the digests of what was read from BASE and the
        OTHERs. Optimizer and training state are left behind: no optimizer has seen these
        weights together.

        Without --to, format and layout are those of BASE: a Hugging Face folder, or what
        its conversion_report.json tells, which names the plugin too.

        Example, a vision tower that was trained apart:
          mimo-host splice --from images=tower-mimo base-mimo OUT

        \(CommonHelp.exitCodes)
        """,
      operands: [
        OperandSpec("BASE", \.conversion.source, "A checkpoint of the whole model"),
        OperandSpec("OUT", \.conversion.output, "The folder to write; must not exist"),
      ],
      groups: [
        OptionGroup(
          title: "Components",
          options: [
            .list("--from", "NAME=OTHER", \.donors, "Take component NAME from OTHER. Once for each"),
            .flag("--dry-run", short: "-n", \.isDry, CommonHelp.dryRun),
          ])
      ]
        + ConvertOptions.spec.groups.map { group in
          OptionGroup(
            title: group.title,
            options: group.options.filter { !withoutMeaning.contains($0.name) }.map { $0.lifted(\.conversion) })
        })
  }

  func validate() throws(MimoError) {
    try conversion.run.validate()
    guard !donors.isEmpty else {
      throw MimoError(.usage, "--from is missing", remedy: "Write --from NAME=OTHER for each component to take")
    }
    for (index, donor) in donors.enumerated() where donors[..<index].contains(where: { $0.component == donor.component }) {
      throw MimoError(.usage, "--from names component \(donor.component) twice", remedy: "Give it once for each")
    }
    guard let target = conversion.givenTarget else {
      guard let option = conversion.layout.anyOption else { return }
      throw MimoError(.usage, "\(option) goes with --to", remedy: "Name the format to write, or leave both out")
    }
    guard target != .prime else {
      throw MimoError(.unsupported, "splice writes no prime folder", remedy: "Splice --to hf, then convert OUT --to prime")
    }
    if conversion.givenPlugin != nil { try conversion.validate() }
  }
}

extension Splice: ArgumentValue {
  static func read(_ text: String) throws(BadValue) -> Splice {
    guard let equals = text.firstIndex(of: "="), equals != text.startIndex, text.index(after: equals) != text.endIndex
    else { throw BadValue("wants NAME=OTHER, not '\(text)'") }
    return Splice(component: String(text[..<equals]), path: String(text[text.index(after: equals)...]))
  }
}
