import MimoSystem

/// A command by its words, with its arguments not yet read.
struct Entry {
  var words: [String]
  var summary: String
  var run: ([String]) throws(MimoError) -> Void

  /// A command whose options are `Options` and whose body is `body`.
  init<Options: CommandOptions>(_ options: Options.Type, _ body: @escaping (Options) throws(MimoError) -> Void) {
    let spec = Options.spec
    words = spec.words
    summary = spec.summary
    run = { (arguments) throws(MimoError) in
      switch try ArgumentParser<Options>.parse(arguments) {
      case .help: try Console.printResult(HelpText(Options.spec).text)
      case .options(let options): try body(options)
      }
    }
  }
}

/// Finds the command that a command line names, and runs it.
struct Dispatch {
  let entries: [Entry]

  func run(_ arguments: [String]) throws(MimoError) {
    guard let first = arguments.first else {
      throw MimoError(.usage, "no command", remedy: "See mimo-host --help")
    }
    switch first {
    case "--version": return try Console.printResult("mimo-host \(hostVersion)\n")
    case "--help", "-h": return try Console.printResult(overview)
    case "help": return try help(Array(arguments.dropFirst()))
    default: break
    }
    if let entry = entry(named: arguments) { return try entry.run(Array(arguments.dropFirst(entry.words.count))) }
    try runGroup(first, Array(arguments.dropFirst()))
  }

  /// `mimo-host help convert` is `mimo-host convert --help`.
  private func help(_ words: [String]) throws(MimoError) {
    if words.isEmpty { return try Console.printResult(overview) }
    try run(words + ["--help"])
  }

  /// The word of several commands ("plugin") alone or with a word that is none of theirs, or no command at all.
  private func runGroup(_ word: String, _ rest: [String]) throws(MimoError) {
    let members = entries.filter { $0.words.count > 1 && $0.words[0] == word }
    guard !members.isEmpty else {
      throw unknown(word, among: entries.map { $0.words[0] }, help: "mimo-host --help")
    }
    guard let next = rest.first else {
      throw MimoError(
        .usage, "\(word) wants one of \(members.map { $0.words[1] }.joined(separator: ", "))",
        remedy: "See mimo-host \(word) --help")
    }
    if next == "--help" || next == "-h" {
      return try Console.printResult("Usage: mimo-host \(word) COMMAND\n\nCommands:\n" + table(members))
    }
    throw unknown(
      "\(word) \(next)", among: members.map { $0.words.joined(separator: " ") }, help: "mimo-host \(word) --help")
  }

  private func entry(named arguments: [String]) -> Entry? {
    entries.first { arguments.starts(with: $0.words) }
  }

  private func unknown(_ word: String, among names: [String], help: String) -> MimoError {
    let nearest = nearestName(to: word, among: names)
    return MimoError(
      .usage, "unknown command '\(word)'", remedy: nearest.map { "Did you mean \($0)?" } ?? "See \(help)")
  }

  private func table(_ entries: [Entry]) -> String {
    entries.map { entry in
      let name = entry.words.joined(separator: " ")
      return "  " + name + String(repeating: " ", count: max(1, 18 - name.count)) + entry.summary + "\n"
    }.joined()
  }

  /// The page of `mimo-host --help`.
  private var overview: String {
    """
    mimo-host - converts model weights between Hugging Face and Megatron checkpoints

    Usage: mimo-host COMMAND [OPTION]... [ARGUMENT]...

    Commands:
    \(table(entries))
    Options:
      -h, --help        Show this page; after a command, the command's page
      --version         Show the version

    A model family is a plugin; plugins are code that runs with your rights.
    Results go to stdout, progress and errors to stderr.

    \(CommonHelp.exitCodes)

    """
  }
}
