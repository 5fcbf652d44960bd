import Glibc
import MimoSystem
import MimoVerify

/// Carries out `mimo-host verify`. Checkpoints that differ are a result, not an error: it says so in its exit code.
func run(_ options: VerifyOptions) throws(MimoError) {
  Interruption.install()
  var request = VerifyRequest(
    first: try checkpoint(options.first), second: options.second.isEmpty ? nil : try checkpoint(options.second),
    configFolder: try options.configFolder.map(checkpoint), resources: options.run.resources)
  request.budget = options.run.budget
  let read = [request.first, request.second, request.configFolder].compactMap { $0 }
  let sources = SourceFolders(read, followLinks: options.followsLinks)
  defer { sources.letGo() }
  let plan = try VerifyPlan(request, plugin: try loadPlugin(options.plugin, options.pluginTimeout))
  let progress = Progress(total: UInt64(plan.bytes), quiet: options.run.quiet)
  let report: VerifyReport
  do {
    defer { progress.finish() }
    report = try plan.run { bytes, tensor in progress.advance(by: bytes, tensor: tensor) }
  }
  if options.run.json {
    try Console.printResult(report.json)
  } else if !options.run.quiet || !report.isSame {
    try Console.printResult(VerifyText(report).text)
  }
  if !report.isSame { exit(MimoError.Code.difference.rawValue) }
}
