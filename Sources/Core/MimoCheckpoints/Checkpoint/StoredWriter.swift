import MimoContainers
import MimoParallel
import MimoPluginHost
import MimoSystem
import MimoTransfer

/// Writes a checkpoint of one of the formats that have ranks: its weights, and what a trainer looks for beside them.
package struct StoredWriter {
  let model: OutputModel
  /// Where OUT will be, as its run_config.yaml says it.
  let place: String
  let resources: Resources
  let training: TrainingState
  /// The tokenizer's files are among these.
  let tokenizer: TravellingFiles?
  /// A part of a model is written without what a trainer would build the whole from.
  var isPart = false

  package init(
    model: OutputModel, place: String, resources: Resources, training: TrainingState, tokenizer: TravellingFiles?, isPart: Bool = false
  ) {
    self.model = model
    self.place = place
    self.resources = resources
    self.training = training
    self.tokenizer = tokenizer
    self.isPart = isPart
  }

  /// - Parameter sources: the open files of the side that is read.
  package func write(
    _ output: PlannedOutput, into stage: some Destination, from sources: [File], progress: @escaping ProgressHandler
  ) throws(MimoError) -> WrittenWeights {
    switch output {
    case .dist(let dist): try write(dist, stage, sources, progress)
    case .ranks(let ranks): try write(ranks, stage, sources, progress)
    case .prime: throw MimoError(.internalError, "layout prime has no ranks")
    }
  }

  private func write(
    _ ranks: RanksOutput, _ stage: some Destination, _ sources: [File], _ progress: @escaping ProgressHandler
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
    _ dist: DistOutput, _ stage: some Destination, _ sources: [File], _ progress: @escaping ProgressHandler
  ) throws(MimoError) -> WrittenWeights {
    let writer = try DistWriter(
      dist, model.format == .fsdpDTensor ? FSDPCompanions.files : .torchDist(training), training, in: stage)
    let result = try stage.move(whole: sources, stored: writer.files, progress: progress)
    let folder = FileSystem.join(place, DistCheckpointCompanions.folderName(iteration: training.iteration))
    let config = RunConfig(
      model, hasOptimizer: training.hasOptimizer, tokenizerPath: FileSystem.join(folder, DistWriter.tokenizerFolder))
    let digests = try writer.finish(
      result, jobs: resources.jobs, runConfig: isPart ? nil : config.text, tokenizer: tokenizer)
    return WrittenWeights(result: result, folder: writer.name, digests: digests)
  }
}
