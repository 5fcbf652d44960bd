/// `mimo-host inspect`.
struct InspectOptions: CommandOptions {
  var path = ""
  var followsLinks = false
  var json = false

  static var spec: CommandSpec<InspectOptions> {
    CommandSpec(
      words: ["inspect"], summary: "show what a checkpoint holds", usage: ["[--follow-links] [--json] PATH"],
      notes: """
        Reads any format: safetensors, torch_dist, fsdp_dtensor, ranks. Runs nothing
        that the checkpoint holds: pickles are read as data.

        \(CommonHelp.exitCodes)
        """,
      operands: [OperandSpec("PATH", \.path, "A checkpoint's folder, or one of its files")],
      groups: [OptionGroup(title: "Options", options: [
        .flag("--follow-links", \.followsLinks, CommonHelp.followLinks), .flag("--json", \.json, "Print JSON, for machines"),
      ])])
  }
}
