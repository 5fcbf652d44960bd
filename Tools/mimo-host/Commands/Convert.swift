import Glibc
import MimoEngine
import MimoParallel
import MimoPlugins
import MimoSystem

/// Carries out `mimo-host convert`.
func run(_ options: ConvertOptions) throws(MimoError) {
  Interruption.install()
  OpenFileLimit.raise()
  let request = options.request
  try OutputFolder.refuseExisting(request)
  let plugin = try loadPlugin(options.plugin)
  let report: ConversionReport
  if let format = options.importFormat {
    try options.refuseSource(otherThan: [.hf])
    let plan = try ImportPlan(request, to: format, from: try .open(request.source), plugin: plugin)
    let progress = Progress(total: UInt64(plan.conversion.wholeBytes), quiet: options.run.quiet)
    defer { progress.finish() }
    report = try ImportRun(plan, request: request, hostVersion: hostVersion).run { bytes, tensor in
      progress.advance(by: bytes, tensor: tensor)
    }
  } else {
    let format = try options.exportSource(plugin)
    let plan = try ExportPlan(request, from: format, plugin: plugin)
    let progress = Progress(total: UInt64(plan.conversion.wholeBytes), quiet: options.run.quiet)
    defer { progress.finish() }
    report = try ExportRun(plan, request: request, hostVersion: hostVersion).run { bytes, tensor in
      progress.advance(by: bytes, tensor: tensor)
    }
  }
  if options.run.json {
    Console.printResult(report.summary)
  } else if !options.run.quiet {
    Console.printResult(ReportText(report).text)
  }
}

/// The plugin that `--plugin` means.
func loadPlugin(_ name: String) throws(MimoError) -> PluginLibrary {
  let program = ProgramPath.running
  return try PluginLibrary(
    path: try PluginFolder(executable: program).locate(name), process: PluginProcess(program: program))
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
    request.expertStorage = expertStorage?.contractName
    request.shardBytes = maxShardSize
    request.overwrite = overwrite
    request.restart = restart
    request.command = CommandLine.arguments
    return request
  }

  /// nil for an export.
  var importFormat: ImportPlan.Format? {
    switch target {
    case .mimo: .mimo
    case .megatron: .megatron
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
    case .prime: format = .prime
    case nil: format = try CheckpointFormat.recognise(absolute(source))
    }
    guard fitting.contains(format) else {
      throw MimoError(
        .unsupported, "is \(format.words), from which --to \(target.rawValue) does not start", path: absolute(source),
        remedy: format == .hf ? "Use --to mimo, megatron, ranks or prime" : "Convert it --to hf first")
    }
    return format
  }

  /// The format of SOURCE for --to hf: a prime folder that somebody else wrote shows only by the names of its tensors.
  func exportSource(_ plugin: PluginLibrary) throws(MimoError) -> CheckpointFormat {
    let format = try refuseSource(otherThan: [.dist, .ranks, .prime, .hf])
    guard format == .hf else { return format }
    if sourceFormat == nil, try CheckpointFormat.isPrime(absolute(source), plugin: plugin) { return .prime }
    return try refuseSource(otherThan: [.dist, .ranks, .prime])
  }
}

extension CheckpointFormat {
  fileprivate var words: String {
    switch self {
    case .hf: "a Hugging Face folder"
    case .ranks, .dist: "a Megatron checkpoint"
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
}
