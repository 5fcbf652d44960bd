import MimoConformance
import MimoPluginHost
import MimoSystem

/// Carries out `mimo-host plugin check`.
func run(_ options: PluginCheckOptions) throws(MimoError) {
  Interruption.install()
  let program = ProgramPath.running
  let path = try PluginFolder(executable: program).locate(options.plugin)
  let conformance = try Conformance(
    path: absolute(path), configs: options.configs.map(absolute), seed: options.seed, only: options.rules,
    process: PluginProcess(program: program, timeout: options.timeout))
  let report = try conformance.run()
  if options.json {
    try Console.printResult(report.json)
  } else {
    try Console.printResult(report.text)
  }
  try report.refuseBroken()
}
