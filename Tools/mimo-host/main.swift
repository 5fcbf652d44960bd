import Glibc
import MimoConformance
import MimoPluginHost
import MimoSystem

// Before anything is opened: no file gets the number of a stream that somebody prints to.
guard StandardStreams.keepOpen() else { exit(MimoError.Code.system.rawValue) }
do {
  try MemoryLimit.prepare()
} catch {
  Console.printError(error)
  exit(error.code.rawValue)
}
PluginServer.serveIfAsked(Array(CommandLine.arguments.dropFirst()))
TrialServer.serveIfAsked(Array(CommandLine.arguments.dropFirst()))

let dispatch = Dispatch(entries: [
  Entry(ConvertOptions.self, run), Entry(SpliceOptions.self, run), Entry(PlanOptions.self, run), Entry(InspectOptions.self, run),
  Entry(VerifyOptions.self, run), Entry(SynthOptions.self, run), Entry(PluginListOptions.self, run),
  Entry(PluginDescribeOptions.self, run), Entry(PluginCheckOptions.self, run), Entry(ShardsOptions.self, run),
  Entry(CleanOptions.self, run),
])
do {
  try dispatch.run(Array(try CommandWords.read().dropFirst()))
} catch {
  Console.printError(error)
  exit(error.code.rawValue)
}
