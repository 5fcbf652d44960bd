import MimoCheckpoints
import MimoContainers
import MimoJSON
import MimoMapping
import MimoParallel
import MimoPluginHost
import MimoSystem
import MimoTensor
import MimoTransfer

/// Carries out an import: everything is written into a hidden folder, which becomes OUT as a whole.
package struct ImportRun: Sendable {
  let plan: ImportPlan
  let folder: HuggingFaceFolder
  let travelling: TravellingFiles
  let request: ConversionRequest
  let hostVersion: String

  /// Throws for a plan that was made from a config alone.
  package init(_ plan: ImportPlan, request: ConversionRequest, hostVersion: String) throws(MimoError) {
    guard case .folder(let folder) = plan.source, let travelling = plan.travelling else {
      throw MimoError(.usage, "there are no weights beside the config", path: plan.config.path, remedy: "Name a folder with weights")
    }
    self.folder = folder
    self.travelling = travelling
    self.plan = plan
    self.request = request
    self.hostVersion = hostVersion
  }

  /// Answers the report that lies in OUT.
  package func run(progress: @escaping ProgressHandler) throws(MimoError) -> ConversionReport {
    let start = MonotonicClock.seconds()
    try OutputPlace(request).check()
    if request.strict { try WeightConcerns(notes: plan.notes, omissions: plan.omissions).refuse(path: request.source) }
    let recorded = try SourceReport(of: folder.path, ignored: request.ignoresReport)
    try recorded?.checkHeads(of: folder)
    let snapshot = try SourceSnapshot(folder.files.map(\.path) + travelling.paths, request.readLog)
    let identity = try RunIdentity(
      request, format: plan.format.rawValue, layout: plan.layout.cluster.words, plugin: plan.plugin,
      hostVersion: hostVersion, conversion: plan.conversion, snapshot: snapshot)
    let modes = try OutputModes(of: folder.files.map(\.path) + [plan.config.path])
    let stage = try ResumableOutput(request, identity, conversion: plan.conversion, modes: modes, snapshot: snapshot,
      progress: progress)
    var shown = try stage.make(bytesNeeded: bytesNeeded) { () throws(MimoError) in
      let differing = try TieCheck.run(plan.match.duplicates, in: folder)
      if request.strict {
        try WeightConcerns(notes: [], omissions: differing.map(Omission.init)).refuse(path: request.source)
      }
      let written = try writeWeights(into: stage, progress: progress)
      try recorded?.check(plan.conversion, written.result)
      try TravellingRecord.write(
        folder, travelling, expertStorage: request.expertStorage, leftOut: differing.map(\.name), only: request.only, into: stage.path)
      let again = try stage.lookAgain()
      var report = report(differing)
      report.notes += again.map { Note(.remark, $0) }
      report.add(plan.conversion, names: names, result: written.result, written: written)
      report.files = try ReportedFile.all(in: stage.path, known: written.known(plan.output.catalog.files))
      report.notes += stage.notes.map { Note(.remark, $0) }
      try recorded?.checkCopies(
        report.files, of: travelling.names, from: folder.path, to: written.companionPrefixes)
      report.bytesResumed = stage.bytesResumed
      if request.strict { try WeightConcerns(report).refuse(path: request.source) }
      report.seconds = MonotonicClock.seconds() - start
      try report.write(into: stage.path)
      return report
    }
    shown.coverWholeRun(since: start)
    return shown
  }

  /// Bytes of weights, of the files that travel along, and of what describes both.
  package var bytesNeeded: UInt64 {
    let weights = plan.output.catalog.files.reduce(0) { $0 + $1.size }
    return weights + travelling.bytes + UInt64(plan.conversion.stored.chunks.count * 768 + (1 << 20))
  }

  private var names: [String] { plan.layout.description.targets.indices.map(plan.layout.globalName) }

  private func writeWeights(
    into stage: ResumableOutput, progress: @escaping ProgressHandler
  ) throws(MimoError) -> WrittenWeights {
    let sources = try ChunkFiles.open(plan.conversion.wholeFiles)
    switch plan.output {
    case .dist, .ranks:
      let writer = StoredWriter(
        model: plan.outputModel(request), place: request.output, resources: request.resources, training: try .beginning(), tokenizer: travelling,
        isPart: request.only != nil)
      return try writer.write(plan.output, into: stage, from: sources, progress: progress)
    case .prime(let prime):
      let output = stage.path
      let files = try stage.files(prime.catalog.files, heads: prime.heads)
      let result = try stage.move(whole: sources, stored: files, progress: progress)
      try OutputFolder.writeIndex(prime.index, in: output)
      try OutputFolder.writeCompanions(
        travelling, config: plan.config, plan.layout.description.configOverrides + plan.config.saying(request.dtype),
        in: output)
      try OutputFolder.prove(output, tensors: plan.layout.description.targets.count)
      return WrittenWeights(
        result: result, folder: nil, digests: prime.catalog.digests(heads: prime.heads, chunks: result.chunkDigests))
    }
  }

  private func report(_ differing: [SourceMatch.Drop]) -> ConversionReport {
    var report = ConversionReport(
      hostVersion: hostVersion, command: request.command, plugin: (plan.plugin.family, plan.plugin.version),
      source: .init(
        path: request.source, format: "hf", bytes: folder.files.reduce(0) { $0 + $1.size }),
      output: .init(
        path: request.output, format: plan.format.rawValue, bytes: plan.output.catalog.files.reduce(0) { $0 + $1.size }),
      layout: plan.format == .prime ? .null : plan.layout.cluster.json, planHash: plan.conversion.hash)
    report.omissions = plan.omissions + differing.map(Omission.init)
    report.notes = plan.notes
    return report
  }
}

extension ClusterLayout {
  /// The layout for messages.
  var words: String {
    components.map { $0.layout.specification($0.name) }.joined(separator: " ") + " on \(counted(worldSize, "rank"))"
  }

  /// The layout for reports.
  package var json: JSONValue {
    .object([
      "world_size": .integer(worldSize),
      "components": .array(components.map { .string($0.layout.specification($0.name)) }),
    ])
  }
}
