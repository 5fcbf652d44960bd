import MimoSystem
import MimoTransfer

/// The formats that a checkpoint is written in.
enum Format: String, Choice {
  case mimo, megatron
  case fsdpDTensor = "fsdp_dtensor"
  case ranks, prime, hf
}

/// How routed experts lie in a Hugging Face checkpoint.
enum ExpertStorage: String, Choice {
  case perExpert = "per-expert"
  case packed
  case packedTransposed = "packed-transposed"

  /// The name in the plugin contract.
  var contractName: String {
    switch self {
    case .perExpert: "per_expert"
    case .packed: "packed"
    case .packedTransposed: "packed_transposed"
    }
  }
}

/// What a run may use of the machine, and how it speaks.
struct RunOptions {
  private var givenMemory: ByteSize?
  private var givenMemoryTotal: ByteSize?
  private var givenJobs: Count?
  var json = false
  var quiet = false

  /// Bytes of buffers.
  var memory: Int { givenMemory?.bytes ?? 512 << 20 }
  /// Bytes of buffers and plan; nil for what the machine has.
  var memoryTotal: Int? { givenMemoryTotal?.bytes }
  /// Workers, nil for one a core.
  var jobs: Int? { givenJobs?.number }

  static var resources: [OptionSpec<RunOptions>] {
    [
      .value("--memory", "SIZE", \.givenMemory, "Memory for buffers, such as 512M or 2GiB (default 512M)"),
      .value(
        "--memory-total", "SIZE", \.givenMemoryTotal,
        "Memory for buffers and plan together, or refused before it begins (default: what is free)"),
      .value("--jobs", "N", \.givenJobs, "Workers (default: one a core), as far as --memory goes; the output is the same for any number"),
    ]
  }

  /// Throws where --memory is too little for one worker.
  func validate(for windows: Resources.Windows = .moving) throws(MimoError) {
    let least = Resources.least(windows)
    guard memory < least else { return }
    throw MimoError(
      .usage, "--memory of \(memory) bytes is too little: one worker's buffers take \(least)",
      remedy: "Use --memory \(least >> 10)K or more")
  }

  static var output: [OptionSpec<RunOptions>] {
    [
      .flag("--json", \.json, "Print the result as JSON, for machines"),
      .flag("--quiet", short: "-q", \.quiet, "No progress, no result; errors, and warnings of lost weights"),
    ]
  }
}

/// A number of seconds: from 1 to a day.
struct Seconds: ArgumentValue {
  var duration: Duration

  static func read(_ text: String) throws(BadValue) -> Seconds {
    guard let number = Int(text), !text.hasPrefix("+"), (1...86_400).contains(number) else {
      throw BadValue("wants whole seconds from 1 to 86400, not '\(text)'")
    }
    return Seconds(duration: .seconds(number))
  }
}

extension OptionSpec {
  /// --plugin-timeout of every command that describes models.
  static func pluginTimeout(_ path: WritableKeyPath<Options, Seconds?>, default seconds: Int = 60) -> OptionSpec {
    .value("--plugin-timeout", "SECONDS", path, "How long the plugin may take for one answer (default \(seconds))")
  }
}

/// The help text of options that several commands take.
enum CommonHelp {
  static let plugin = "The family's plugin: a path, or the name of one that ships with mimo-host"
  static let expertStorage = "How experts are stored: \(ExpertStorage.words) (default: as the source did, else as published)"
  static let maxShardSize = "Largest safetensors file (default: the source's own files, else 5GB)"
  static let overwrite = "Replace an OUT that mimo-host wrote and nobody changed since; an empty folder too"
  static let dryRun = "Show what would be done, as plan does; write nothing"
  static let followLinks =
    "Follow symbolic links of what is read wherever they lead (default: inside its folder, and in the hub's cache)"
  static let trustWorkFolder =
    "Take a former run's work folder for ours where the file system does not say who made it"
  static let dtype = "Weights' dtype: \(ModelDType.words) (default: the config's)"

  static let exitCodes = """
    Exit codes:
      0    done
      2    the command line can not be carried out as written
      3    a checkpoint, config or plugin holds something wrong, or lacks something
      4    the layout does not fit the model or the ranks
      5    a plugin can not be loaded, or broke the contract
      6    reading, writing, space or permissions
      7    the compared checkpoints differ
      8    not supported by this version
      70   a fault in mimo-host itself
      130  stopped by Ctrl-C (143: by SIGTERM, 129: by SIGHUP)
    """
}
