import MimoCheckpoints
import MimoChecksum
import MimoContainers
import MimoPluginHost
import MimoSystem
import MimoTensor
import MimoTransfer
import Synchronization

extension Reread {
  /// A Hugging Face folder.
  func check(_ plan: ExportPlan, _ result: MoveResult, _ request: ConversionRequest) throws(MimoError)
    -> [ConversionReport.ReadAgain]
  {
    let written = try HuggingFaceFolder.open(folder)
    let files = try ChunkFiles.open(written.files.map { StoredFile(path: $0.path, size: $0.size) })
    let found = Found()
    let whole = plan.conversion.whole
    let queue = WorkQueue(count: whole.count)
    try Workers.run(count: min(resources.jobs, max(1, whole.count))) { worker throws(MimoError) in
      var buffer = ByteBuffer()
      while !worker.isCancelled, let index = queue.next() {
        guard let tensor = written.tensor(whole[index].name) else {
          throw MimoError(.internalError, "was not written", path: folder, tensor: whole[index].name)
        }
        let digest = try digest(of: tensor.range, in: files[tensor.file], &buffer)
        found.digests.withLock { $0[index] = digest }
      }
    }
    var sums = sums(plan.donors, plan.stored.path, request)
    let digests = found.digests.withLock { $0 }
    for (index, tensor) in whole.enumerated() {
      try Reread.expect(digests[index] ?? 0, result.wholeDigests[index], tensor.name, in: folder)
      let target = plan.conversion.uses[index].first?.target
      sums.count(target ?? -1, isEqual: target.map { plan.stored.catalog.targets[$0].dtype == tensor.dtype } ?? true)
    }
    return sums.all
  }
}
