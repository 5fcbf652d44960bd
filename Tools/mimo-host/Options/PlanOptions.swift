import MimoSystem

/// `mimo-host plan`: the arguments of `convert`, but OUT may be left out.
struct PlanOptions: CommandOptions {
  var conversion = ConvertOptions()

  static var spec: CommandSpec<PlanOptions> {
    let convert = ConvertOptions.spec
    return CommandSpec(
      words: ["plan"], summary: "show what convert would do, without moving a byte",
      usage: convert.usage.map { $0.replacing(suffix: " OUT", with: " [OUT]") },
      notes: """
        Shows tensors, bytes per rank, drops with their reasons and the peak of memory.
        Takes the arguments of convert. A config.json is enough: its tensors are then those
        of the published form.

        \(CommonHelp.exitCodes)
        """,
      operands: [
        OperandSpec("SOURCE", \.conversion.source, "The checkpoint to read, or a config.json (or its folder) alone"),
        OperandSpec("OUT", \.conversion.output, "Taken as by convert, but not touched", isRequired: false),
      ],
      groups: convert.groups.map { group in
        OptionGroup(title: group.title, options: group.options.map { $0.lifted(\.conversion) })
      })
  }

  func validate() throws(MimoError) { try conversion.validate() }
}

extension String {
  fileprivate func replacing(suffix: String, with other: String) -> String {
    hasSuffix(suffix) ? dropLast(suffix.count) + other : self
  }
}
