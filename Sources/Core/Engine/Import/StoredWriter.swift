import MimoContainers
import MimoParallel
import MimoPlan
import MimoPluginHost
import MimoSystem

/// Writes a checkpoint of one of the formats that have ranks: its weights, and what a trainer looks for beside them.
struct StoredWriter {
  let model: OutputModel
  let request: ConversionRequest
  let training: TrainingState
  /// The tokenizer's files are among these.
  let tokenizer: TravellingFiles?
  /// A part of a model is written without what a trainer would build the whole from.
  var isPart = false

  /// - Parameter sources: the open files of the side that is read.
  func write(
    _ output: ImportPlan.Output, into stage: ResumableOutput, from sources: [File], progress: @escaping ProgressHandler
  ) throws(MimoError) -> WrittenWeights {
    switch output {
    case .dist(let dist): try write(dist, stage, sources, progress)
    case .ranks(let ranks): try write(ranks, stage, sources, progress)
    case .prime: throw MimoError(.internalError, "layout prime has no ranks")
    }
  }

  private func write(
    _ ranks: RanksOutput, _ stage: ResumableOutput, _ sources: [File], _ progress: @escaping ProgressHandler
  ) throws(MimoError) -> WrittenWeights {
    let files = try stage.files(ranks.catalog.files, heads: ranks.heads)
    let result = try stage.move(whole: sources, stored: files, progress: progress)
    let document = LayoutDocument(
      model.layout.cluster,
      routes: model.plugin.components.map {
        LayoutDocument.Route(name: $0.name, sourcePrefix: $0.sourcePrefix, targetModulePath: $0.targetModulePath)
      })
    try FileSystem.writeSmallFile(FileSystem.join(stage.path, LayoutFile.fileName), Array(document.json.utf8))
    for file in files { _ = try SafeTensorsHeader.parse(file) }
    return WrittenWeights(
      result: result, folder: nil, digests: ranks.catalog.digests(heads: ranks.heads, chunks: result.chunkDigests))
  }

  private func write(
    _ dist: DistOutput, _ stage: ResumableOutput, _ sources: [File], _ progress: @escaping ProgressHandler
  ) throws(MimoError) -> WrittenWeights {
    let writer = try DistWriter(
      dist, model.format == .fsdpDTensor ? .fsdpDTensor : .torchDist, training, in: stage)
    let result = try stage.move(whole: sources, stored: writer.files, progress: progress)
    let folder = FileSystem.join(request.output, DistCheckpointCompanions.folderName(iteration: training.iteration))
    let config = RunConfig(
      model, hasOptimizer: training.hasOptimizer, tokenizerPath: FileSystem.join(folder, DistWriter.tokenizerFolder))
    let digests = try writer.finish(
      result, jobs: request.resources.jobs, runConfig: isPart ? nil : config.text, tokenizer: tokenizer)
    return WrittenWeights(result: result, folder: writer.name, digests: digests)
  }
}
