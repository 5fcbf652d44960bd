import MimoCheckpoints
import MimoConversion
import MimoParallel
import MimoSystem
import MimoTransfer

/// Carries out `mimo-host shards`.
func run(_ options: ShardsOptions) throws(MimoError) {
  var request = ConversionRequest(
    source: try checkpoint(options.source), output: "", resources: Resources(jobs: 1, memory: 0))
  request.layout = options.layoutRequest
  request.worldSize = options.layout.worldSize
  request.padVocabulary = options.layout.padVocabulary
  request.dtype = options.dtype?.dtype
  let format: OutputFormat = options.isFSDP ? .fsdpDTensor : options.layout.components.isEmpty ? .megatron : .mimo
  let source = try ImportSource.forPlanning(request.source)
  let plan = try ImportPlan(request, to: format, from: source, plugin: try loadPlugin(options.plugin, options.pluginTimeout))
  if let rank = options.rank, rank >= plan.layout.cluster.worldSize {
    throw MimoError(
      .layout, "there is no rank \(rank) in this layout", remedy: "Its ranks are 0 to \(plan.layout.cluster.worldSize - 1)")
  }
  for note in plan.layoutNotes { Console.printNote(note) }
  let table = try plan.shardTable(rank: options.rank)
  if options.json {
    try Console.printResult(table.json)
  } else {
    try Console.printResult(options.tsv ? table.tsv : ShardTableText(table).text)
  }
}
