/// `mimo-host clean`.
struct CleanOptions: CommandOptions {
  var folder = ""
  /// --remove
  var removes = false
  var json = false

  static var spec: CommandSpec<CleanOptions> {
    CommandSpec(
      words: ["clean"], summary: "list what runs that did not end have left in a folder", usage: ["[--remove] [--json] DIR"],
      notes: """
        A run makes OUT in a hidden folder beside it, .OUT.mimo-host-work, which stays when
        the run is killed, or is stopped where the same command can go on. Lists these
        folders in DIR (not in folders below it) with their size, their age, whose they
        are, and whether a run is at work in them. Nothing is changed without --remove.

        --remove removes those of them that are yours and that no run is at work in, also
        what a stopped run could go on with.

        \(CommonHelp.exitCodes)
        """,
      operands: [OperandSpec("DIR", \.folder, "The folder that OUT was to be made in")],
      groups: [
        OptionGroup(
          title: "Options",
          options: [
            .flag("--remove", \.removes, "Remove what is yours and not in use"),
            .flag("--json", \.json, "Print JSON, for machines"),
          ])
      ])
  }
}
