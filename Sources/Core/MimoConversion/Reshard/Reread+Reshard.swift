import MimoCheckpoints
import MimoChecksum
import MimoContainers
import MimoPluginHost
import MimoSystem
import MimoTensor
import MimoTransfer

extension Reread {
  /// A Megatron checkpoint. Parameters whose dtype changed hold other values by intent, and are counted as that.
  func check(_ plan: ReshardPlan, _ result: MoveResult, _ request: ConversionRequest) throws(MimoError)
    -> [ConversionReport.ReadAgain]
  {
    var again = try StoredCheckpoint(
      folder, format: try CheckpointFormat.recognise(folder), of: plan.stored.origin.named(plan.config),
      expertStorage: request.expertStorage, isWrittenPlain: true, plugin: plan.library)
    again.keep(try TargetMatch(again.description, to: plan.layout.description).origins)
    try again.locate(jobs: resources.jobs)
    if let dist = again.dist { try proveItems(dist) }
    let reading = try ConversionPlan(reading: again.description, again.catalog, as: plan.conversion.whole)
    let isKept = zip(plan.conversion.whole, again.catalog.targets).map { $0.dtype == $1.dtype }
    let found = try digests(reading, of: isKept.indices.filter { isKept[$0] })
    var sums = sums(plan.donors, plan.stored.path, request)
    for (index, tensor) in plan.conversion.whole.enumerated() {
      guard let digest = found[index] else {
        sums.count(index, isEqual: false)
        continue
      }
      try Reread.expect(digest, result.wholeDigests[index], tensor.name, in: folder)
      sums.count(index, isEqual: true)
    }
    return sums.all
  }
}
