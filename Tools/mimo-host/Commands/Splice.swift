import MimoCheckpoints
import MimoConversion
import MimoPluginHost
import MimoSystem

/// Carries out `mimo-host splice`.
func run(_ options: SpliceOptions) throws(MimoError) {
  Interruption.install(consequence: "Nothing was published")
  OpenFileLimit.raise()
  let options = try options.findingCheckpoints()
  var request = options.conversion.request
  request.splices = options.donors
  request.weightsOnly = true
  request.budget.isForShow = options.isDry
  request.beginReading()
  let sources = request.sources
  defer { sources.letGo() }
  if !options.isDry { try OutputPlace(request).check() }
  try SourceFiles.check(request)
  let source = try CheckpointFormat.recognise(request.source)
  let recorded = try source == .hf ? nil : RecordedLayout(beside: request.source, ignoresReport: request.ignoresReport)
  guard let name = options.conversion.givenPlugin ?? recorded?.family else {
    throw MimoError(.usage, "--plugin is missing", remedy: "Name the model family's plugin")
  }
  let plugin = try loadPlugin(name, options.conversion.pluginTimeout)
  try refusePrime([request.source] + request.splices.map(\.path), plugin)
  switch try options.format(source, recorded, &request) {
  case .megatron(let format): try splice(options, try ReshardPlan(request, to: format, from: source, plugin: plugin), request)
  case .folder: try splice(options, try ExportPlan(request, from: source, plugin: plugin), request)
  }
}

private func splice(_ options: SpliceOptions, _ plan: ReshardPlan, _ request: ConversionRequest) throws(MimoError) {
  if options.isDry {
    let ledger = Ledger(plan, request: request)
    try show(ledger, options.conversion.run)
    if request.strict { try ledger.concerns.refuse(path: request.source) }
    return
  }
  let report = try withProgress(of: plan.conversion, options.conversion.run, request) {
    request, progress throws(MimoError) in
    try ReshardRun(plan, request: request, hostVersion: hostVersion).run(progress: progress)
  }
  try show(report, options.conversion.run)
}

private func splice(_ options: SpliceOptions, _ plan: ExportPlan, _ request: ConversionRequest) throws(MimoError) {
  if options.isDry {
    let ledger = Ledger(plan, request: request)
    try show(ledger, options.conversion.run)
    if request.strict { try ledger.concerns.refuse(path: request.source) }
    return
  }
  let report = try withProgress(of: plan.conversion, options.conversion.run, request) {
    request, progress throws(MimoError) in
    try ExportRun(plan, request: request, hostVersion: hostVersion).run(progress: progress)
  }
  try show(report, options.conversion.run)
}

/// prime-rl stores other functions of some weights than Megatron does.
private func refusePrime(_ paths: [String], _ plugin: PluginLibrary) throws(MimoError) {
  for path in paths {
    var format = try CheckpointFormat.recognise(path)
    if format == .hf, try CheckpointFormat.isPrime(path, plugin: plugin) { format = .prime }
    guard format == .prime else { continue }
    throw MimoError(
      .unsupported, "is a folder in prime-rl's layout, which splice does not take apart", path: path,
      remedy: "Convert it --to hf first")
  }
}

/// What splice writes.
private enum SplicedFormat {
  case folder
  case megatron(OutputFormat)
}

extension SpliceOptions {
  /// The format to write: as said, else that of BASE with its layout.
  fileprivate func format(
    _ source: CheckpointFormat, _ recorded: RecordedLayout?, _ request: inout ConversionRequest
  ) throws(MimoError) -> SplicedFormat {
    if conversion.givenTarget != nil { return conversion.importFormat.map { .megatron($0) } ?? .folder }
    if source == .hf { return .folder }
    guard let recorded else {
      throw MimoError(
        .usage, "does not say its layout: it was not written by mimo-host", path: request.source,
        remedy: "Say --to and a layout")
    }
    request.layout = recorded.layout
    request.worldSize = recorded.worldSize
    return .megatron(recorded.format)
  }
}
