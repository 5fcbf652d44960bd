import Foundation
import Testing

private let pages = [
  ["convert"], ["plan"], ["inspect"], ["verify"], ["synth"], ["plugin", "list"], ["plugin", "describe"],
  ["plugin", "check"], ["shards"], ["splice"],
]

@Suite struct HelpTests {
  @Test(arguments: pages, ["--help", "-h"])
  func everyCommandHasAPage(words: [String], flag: String) throws {
    let help = try Command(words + [flag])
    #expect(help.status == 0)
    #expect(help.errors.isEmpty)
    #expect(help.output.hasPrefix("mimo-host \(words.joined(separator: " ")) - "))
    for part in ["\nUsage: mimo-host \(words.joined(separator: " ")) ", "--help", "Exit codes:"] {
      #expect(help.output.contains(part))
    }
    #expect(try Command(["help"] + words).output == help.output)
  }

  @Test(arguments: [["--help"], ["-h"], ["help"]])
  func theOverviewNamesEveryCommand(arguments: [String]) throws {
    let help = try Command(arguments)
    #expect(help.status == 0)
    for words in pages { #expect(help.output.contains("\n  \(words.joined(separator: " ")) ")) }
  }

  @Test(arguments: pages + [[], ["plugin"]])
  func pagesFitATerminal(words: [String]) throws {
    for line in try Command(words + ["--help"]).output.split(separator: "\n")
    where !line.contains("mimo-host \(words.joined(separator: " ")) --plugin") {
      #expect(line.count <= 84, "\(line)")
    }
  }

  @Test func helpWinsOverWhatIsMissing() throws {
    #expect(try Command(["convert", "--to", "mimo", "--help"]).status == 0)
  }

  @Test func convertNamesAllItsOptions() throws {
    let page = try Command(["convert", "--help"]).output
    let options = [
      "--plugin P", "--to FORMAT", "--from FORMAT", "--component NAME=tp=N[,...]", "--tp N", "--pp N", "--cp N",
      "--ep N", "--etp N", "--pp-first N", "--pp-last N", "--world-size N", "--pad-vocab", "--dtype DTYPE",
      "--memory SIZE", "--jobs N", "--overwrite", "--json", "-q, --quiet", "--hf-config DIR", "--expert-storage FORM",
      "--max-shard-size SIZE", "-h, --help",
    ]
    for option in options { #expect(page.contains("\n  \(option)"), "\(option)") }
  }

  @Test func theVersionIsOneLine() throws {
    let version = try Command(["--version"])
    #expect(version.status == 0)
    #expect(version.output.wholeMatch(of: /mimo-host [0-9]+\.[0-9]+\.[0-9]+\n/) != nil)
  }
}

@Suite struct UsageErrorTests {
  @Test(arguments: [
    ("", "no command. See mimo-host --help"),
    ("convrt", "unknown command 'convrt'. Did you mean convert?"),
    ("frobnicate", "unknown command 'frobnicate'. See mimo-host --help"),
    ("plugin", "plugin wants one of list, describe, check. See mimo-host plugin --help"),
    ("plugin descrbe", "unknown command 'plugin descrbe'. Did you mean plugin describe?"),
    ("convert --plgin P A B", "convert: unknown option '--plgin'. Did you mean --plugin?"),
    ("convert --frobnicate A B", "convert: unknown option '--frobnicate'. See mimo-host convert --help"),
    ("convert -x A B", "convert: unknown option '-x'. See mimo-host convert --help"),
    ("convert A B --plugin", "convert: --plugin wants a value. Write --plugin P, or --plugin=P"),
    ("convert --plugin --to mimo A B", "convert: --plugin wants a value. Write --plugin P, or --plugin=P"),
    ("convert --plugin= A B", "--plugin wants a value, not nothing"),
    ("convert --overwrite=yes A B", "convert: --overwrite takes no value. See mimo-host convert --help"),
    ("convert --tp 2 --tp 4 A B", "convert: --tp is given twice. See mimo-host convert --help"),
    ("convert -q --quiet A B", "convert: --quiet is given twice. See mimo-host convert --help"),
    ("convert --plugin P --to hf A", "convert: OUT is missing. See mimo-host convert --help"),
    ("convert --plugin P --to hf", "convert: SOURCE is missing. See mimo-host convert --help"),
    ("convert --plugin P --to hf A B C", "convert: unexpected argument 'C'. See mimo-host convert --help"),
    ("convert --plugin P --to hf -- A --json -q", "convert: unexpected argument '-q'. See mimo-host convert --help"),
    ("convert --to gguf A B", "--to is one of mimo, megatron, fsdp_dtensor, ranks, prime, hf, not 'gguf'"),
    ("convert --tp two A B", "--tp wants a whole number, not 'two'"),
    ("convert --tp 0 A B", "--tp is at least 1, not 0"),
    ("convert --tp -1 A B", "--tp is at least 1, not -1"),
    ("convert --jobs 99999999 A B", "--jobs is at most 16777216"),
    ("convert --memory lots A B", "--memory wants a size such as 512M, 2GiB or 5GB, not 'lots'"),
    ("convert --dtype int8 A B", "--dtype is one of bfloat16, float16, float32, not 'int8'"),
    (
      "convert --expert-storage loose A B",
      "--expert-storage is one of per-expert, packed, packed-transposed, not 'loose'"
    ),
    (
      "convert --component language=tq=2 A B",
      "--component 'language=tq=2': unknown option 'tq'. "
        + "The options are tp, pp, dp, cp, ep, etp, fsdp, pp_first, pp_last, rank_offset"
    ),
    ("convert --to hf A B", "--plugin is missing. Name the model family's plugin"),
    ("convert --plugin P A B", "--to is missing. Say --to and one of mimo, megatron, fsdp_dtensor, ranks, prime, hf"),
    (
      "convert --plugin P --to hf --pad-vocab A B",
      "--pad-vocab does not go with --to hf. Such a folder has no parallel layout; leave it out"
    ),
    (
      "convert --plugin P --to mimo A B",
      "--to mimo wants --component. Write --component NAME=tp=N[,...] for each component"
    ),
    (
      "convert --plugin P --to mimo --component language=tp=1 --pp-last 2 A B",
      "--pp-last does not go with --to mimo. Write --component NAME=tp=N[,...] for each component"
    ),
    (
      "convert --plugin P --to megatron --component language=tp=1 A B",
      "--component does not go with --to megatron. Use --tp, --pp and so on, or --to mimo"
    ),
    (
      "convert --plugin P --to ranks A B",
      "--to ranks wants a layout. Use --component for a MIMO model, or --tp, --pp and so on for a single one"
    ),
    (
      "convert --plugin P --to ranks --component language=tp=1 --tp 2 A B",
      "--component and --tp exclude each other. "
        + "Use --component for a MIMO model, or --tp, --pp and so on for a single one"
    ),
    (
      "convert --plugin P --to megatron --max-shard-size 5GB A B", "--max-shard-size goes with --to hf and --to prime only"
    ),
    ("plan --plugin P --to mimo A", "--to mimo wants --component. Write --component NAME=tp=N[,...] for each component"),
    ("inspect", "inspect: PATH is missing. See mimo-host inspect --help"),
    ("verify --plugin P", "verify: A is missing. See mimo-host verify --help"),
    ("verify A B", "--plugin is missing. Name the model family's plugin"),
    ("synth --plugin P OUT", "--config is missing. Name the model's config.json"),
    ("synth --plugin P --config c.json --seed -1 OUT", "--seed wants a whole number of at least 0, not '-1'"),
    ("plugin describe", "plugin describe: PLUGIN is missing. See mimo-host plugin describe --help"),
    ("plugin list extra", "plugin list: unexpected argument 'extra'. See mimo-host plugin list --help"),
  ])
  func oneLineSaysWhatIsWrong(line: String, reason: String) throws {
    let command = try Command(line.split(separator: " ").map(String.init))
    #expect(command.errors == "mimo-host: error: \(reason)\n")
    #expect(command.output.isEmpty)
    #expect(command.status == 2)
  }
}

@Suite struct InheritedSignalTests {
  /// Some launchers start programs so: the kernel would then reap the process that describes the plugin.
  @Test func anIgnoredSIGCHLDDoesNotDisturbPlugins() throws {
    // Not trap: some shells keep the signal for themselves.
    let shell = "exec env --ignore-signal=CHLD \"$0\" \"$@\""
    #expect(try Host.run(["plugin", "describe", "Qwen3VL"], shell: shell).code == 0)
  }
}
