import Glibc
import MimoCheckpoints
import MimoConversion
import MimoParallel
import MimoPluginHost
import MimoSystem
import MimoTransfer

/// Carries out `mimo-host convert`.
func run(_ options: ConvertOptions) throws(MimoError) {
  if options.isDry { return try run(PlanOptions(conversion: options)) }
  Interruption.install(consequence: "Nothing was published")
  OpenFileLimit.raise()
  let options = try options.findingCheckpoints()
  var request = options.request
  request.beginReading()
  let sources = request.sources
  defer { sources.letGo() }
  try OutputPlace(request).check()
  try SourceFiles.check(request)
  let plugin = try loadPlugin(options.plugin, options.pluginTimeout)
  let report = try convert(options, request, plugin)
  try show(report, options.run)
}

/// Prints the end of a conversion as the user wants it.
func show(_ report: ConversionReport, _ options: RunOptions) throws(MimoError) {
  for concern in WeightConcerns(report).all { Console.printWarning(concern.description.printable) }
  if options.json {
    try Console.printResult(report.summary)
  } else if !options.quiet {
    try Console.printResult(ReportText(report).text)
  }
}

/// Converts in one of the three ways: into Hugging Face's format, out of it, or between two others.
private func convert(
  _ options: ConvertOptions, _ request: ConversionRequest, _ plugin: PluginLibrary
) throws(MimoError) -> ConversionReport {
  guard let format = options.importFormat else {
    let plan = try ExportPlan(request, from: try options.exportSource(plugin), plugin: plugin)
    return try withProgress(of: plan.conversion, options.run, request) { request, progress throws(MimoError) in
      try ExportRun(plan, request: request, hostVersion: hostVersion).run(progress: progress)
    }
  }
  let source = try options.importSource()
  guard source == .hf else {
    let plan = try ReshardPlan(request, to: format, from: source, plugin: plugin)
    return try withProgress(of: plan.conversion, options.run, request) { request, progress throws(MimoError) in
      try ReshardRun(plan, request: request, hostVersion: hostVersion).run(progress: progress)
    }
  }
  let plan = try ImportPlan(request, to: format, from: try .open(request.source), plugin: plugin)
  return try withProgress(of: plan.conversion, options.run, request) { request, progress throws(MimoError) in
    try ImportRun(plan, request: request, hostVersion: hostVersion).run(progress: progress)
  }
}

/// Runs `body`, which tells what it is at and how far.
func withProgress(
  of plan: ConversionPlan, _ options: RunOptions, _ request: ConversionRequest,
  _ body: (ConversionRequest, @escaping ProgressHandler) throws(MimoError) -> ConversionReport
) throws(MimoError) -> ConversionReport {
  let total = UInt64(plan.wholeBytes)
  let progress = Progress(total: total, quiet: options.quiet)
  defer { progress.finish() }
  var request = request
  request.phases = { progress.begin($0, total: total) }
  return try body(request) { bytes, tensor in progress.advance(by: bytes, tensor: tensor) }
}

/// The plugin that `--plugin` means.
func loadPlugin(_ name: String, _ timeout: Seconds? = nil) throws(MimoError) -> PluginLibrary {
  let program = ProgramPath.running
  var process = PluginProcess(program: program)
  if let timeout { process.timeout = timeout.duration }
  return try PluginLibrary(path: try PluginFolder(executable: program).locate(name), process: process)
}

extension ConvertOptions {
  /// What the engine is asked for.
  var request: ConversionRequest {
    var request = ConversionRequest(
      source: absolute(source), output: output.isEmpty ? "" : absolute(output), resources: run.resources)
    request.layout = layoutRequest
    request.worldSize = worldSize
    request.padVocabulary = layout.padVocabulary
    request.dtype = dtype?.dtype
    request.configFolder = configFolder.map(absolute)
    request.shardTable = shardTable.map(absolute)
    request.expertStorage = expertStorage?.contractName
    request.shardBytes = maxShardSize
    request.only = only
    request.weightsOnly = weightsOnly
    request.strict = strict
    request.ignoresReport = ignoresReport
    request.overwrite = overwrite
    request.followsLinks = followsLinks
    request.restart = restart
    request.budget = run.budget
    request.trustsWorkFolder = trustsWorkFolder
    request.command = CommandLine.arguments
    return request
  }

  /// nil for an export.
  var importFormat: OutputFormat? {
    switch target {
    case .mimo: .mimo
    case .megatron: .megatron
    case .fsdpDTensor: .fsdpDTensor
    case .ranks: .ranks
    case .prime: .prime
    case .hf: nil
    }
  }

  /// The source's format, as said or recognised; refused when this conversion does not start from it.
  @discardableResult
  func refuseSource(otherThan fitting: [CheckpointFormat]) throws(MimoError) -> CheckpointFormat {
    let format: CheckpointFormat
    switch sourceFormat {
    case .hf: format = .hf
    case .ranks: format = .ranks
    case .mimo, .megatron: format = .dist
    case .fsdpDTensor: format = .fsdpDTensor
    case .prime: format = .prime
    case nil: format = try CheckpointFormat.recognise(absolute(source))
    }
    if let sourceFormat, format != .hf, format != .prime,
      case .success(.hf) = capture({ () throws(MimoError) in try CheckpointFormat.recognise(absolute(source)) })
    {
      throw MimoError(
        .usage, "is a Hugging Face folder, not what --from \(sourceFormat.rawValue) says", path: absolute(source),
        remedy: "Leave --from out")
    }
    guard fitting.contains(format) else {
      throw MimoError(
        .unsupported, "is \(format.words), from which --to \(target.rawValue) does not start", path: absolute(source),
        remedy: format == .hf ? "Use --to mimo, megatron, fsdp_dtensor, ranks or prime" : "Convert it --to hf first")
    }
    return format
  }

  /// The format of SOURCE for what is not --to hf: prime-rl's names lead to no other layout.
  func importSource() throws(MimoError) -> CheckpointFormat {
    try refuseSource(otherThan: target == .prime ? [.hf] : [.hf, .dist, .fsdpDTensor, .ranks, .legacy])
  }

  /// The format of SOURCE for --to hf: a prime folder that somebody else wrote shows only by the names of its tensors.
  func exportSource(_ plugin: PluginLibrary) throws(MimoError) -> CheckpointFormat {
    let format = try refuseSource(otherThan: [.dist, .fsdpDTensor, .ranks, .legacy, .prime, .hf])
    guard format == .hf else { return format }
    if sourceFormat == nil, try CheckpointFormat.isPrime(absolute(source), plugin: plugin) { return .prime }
    return try refuseSource(otherThan: [.dist, .fsdpDTensor, .ranks, .prime])
  }
}

extension CheckpointFormat {
  fileprivate var words: String {
    switch self {
    case .hf: "a Hugging Face folder"
    case .ranks, .dist, .legacy: "a Megatron checkpoint"
    case .fsdpDTensor: "a Megatron-FSDP checkpoint"
    case .prime: "a folder in prime-rl's layout"
    }
  }
}

/// A path from the root, so that reports and tracker files say the same from anywhere.
func absolute(_ path: String) -> String {
  var trimmed = path
  while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
  guard !trimmed.hasPrefix("/") else { return trimmed }
  var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
  guard getcwd(&buffer, buffer.count) != nil else { return trimmed }
  let folder = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  return FileSystem.join(folder, trimmed)
}

extension RunOptions {
  /// What the engine may use.
  var resources: Resources {
    Resources(jobs: jobs ?? ProcessUsage.processorCount, memory: memory)
  }

  /// What the engine may take in all.
  var budget: MemoryBudget {
    var budget = MemoryBudget()
    budget.total = memoryTotal
    return budget
  }
}
