import MimoEngine
import MimoPlugins
import MimoSystem

/// Carries out `mimo-host splice`.
func run(_ options: SpliceOptions) throws(MimoError) {
  Interruption.install()
  OpenFileLimit.raise()
  var request = options.conversion.request
  request.splices = options.donors
  request.weightsOnly = true
  try OutputPlace(request).check()
  let source = try CheckpointFormat.recognise(request.source)
  guard source != .hf, source != .prime else {
    throw MimoError(
      .unsupported, "is no Megatron checkpoint, into which components are put", path: request.source,
      remedy: "Convert it --to mimo or megatron first")
  }
  let recorded = try RecordedLayout(beside: request.source)
  guard let name = options.conversion.givenPlugin ?? recorded?.family else {
    throw MimoError(.usage, "--plugin is missing", remedy: "Name the model family's plugin")
  }
  let format = try options.format(recorded, &request)
  let plan = try ReshardPlan(request, to: format, from: source, plugin: try loadPlugin(name, options.conversion.pluginTimeout))
  let run = ReshardRun(plan, request: request, hostVersion: hostVersion)
  let report = try withProgress(of: plan.conversion.wholeBytes, options.conversion.run, run.run)
  try show(report, options.conversion.run)
}

extension SpliceOptions {
  /// The format to write: as said, else that of BASE with its layout.
  fileprivate func format(
    _ recorded: RecordedLayout?, _ request: inout ConversionRequest
  ) throws(MimoError) -> ImportPlan.Format {
    if conversion.givenTarget != nil, let format = conversion.importFormat { return format }
    guard let recorded else {
      throw MimoError(
        .usage, "does not say its layout: it was not written by mimo-host", path: request.source,
        remedy: "Say --to and a layout")
    }
    request.layout = recorded.layout
    request.worldSize = recorded.worldSize
    return recorded.format
  }
}
