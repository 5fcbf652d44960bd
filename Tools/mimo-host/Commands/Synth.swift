import MimoConversion
import MimoJSON
import MimoSystem

/// Carries out `mimo-host synth`.
func run(_ options: SynthOptions) throws(MimoError) {
  Interruption.install(consequence: "Nothing was published")
  let request = options.request
  try OutputPlace(request).check()
  let plan = try SynthPlan(request, plugin: try loadPlugin(options.plugin, options.pluginTimeout))
  let progress = Progress(total: UInt64(plan.tensorBytes), quiet: options.run.quiet)
  defer { progress.finish() }
  let start = MonotonicClock.seconds()
  try SynthRun(plan, request: request).run { bytes, tensor in progress.advance(by: bytes, tensor: tensor) }
  let seconds = MonotonicClock.seconds() - start
  if options.run.json {
    try Console.printResult(options.json(plan, seconds: seconds))
  } else if !options.run.quiet {
    let tensors = plan.output.whole
    try Console.printResult(
      "\(request.output): \(counted(tensors.count, "tensor")), \(counted(tensors.reduce(0) { $0 + $1.elementCount }, "parameter")), "
        + "\(ByteCount(plan.tensorBytes)) in \(counted(plan.output.files.count, "file")), seed \(request.seed)\n")
  }
}

extension SynthOptions {
  var request: SynthRequest {
    var request = SynthRequest(config: absolute(config), output: absolute(output), resources: run.resources)
    request.seed = seed
    request.dtype = dtype?.dtype
    request.expertStorage = expertStorage?.contractName
    request.shardBytes = maxShardSize
    request.overwrite = overwrite
    request.budget = run.budget
    request.trustsWorkFolder = trustsWorkFolder
    request.command = CommandLine.arguments
    request.hostVersion = hostVersion
    return request
  }

  fileprivate func json(_ plan: SynthPlan, seconds: Double) -> JSONValue {
    .object([
      "output": .string(absolute(output)), "config": .string(plan.config.path),
      "seed": .integer(Int(truncatingIfNeeded: seed)), "tensors": .integer(plan.output.whole.count),
      "parameters": .integer(plan.output.whole.reduce(0) { $0 + $1.elementCount }),
      "bytes": .integer(plan.tensorBytes), "files": .array(plan.output.files.map { .string($0.path) }),
      "seconds": .double(seconds),
    ])
  }
}
