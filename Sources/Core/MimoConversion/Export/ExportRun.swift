import MimoCheckpoints
import MimoJSON
import MimoMapping
import MimoPluginHost
import MimoSystem
import MimoTensor
import MimoTransfer

/// Carries out an export: everything is written into a hidden folder, which becomes OUT as a whole.
package struct ExportRun: Sendable {
  let plan: ExportPlan
  let request: ConversionRequest
  let hostVersion: String

  package init(_ plan: ExportPlan, request: ConversionRequest, hostVersion: String) {
    self.plan = plan
    self.request = request
    self.hostVersion = hostVersion
  }

  /// Answers the report that lies in OUT.
  package func run(progress: @escaping ProgressHandler) throws(MimoError) -> ConversionReport {
    let start = MonotonicClock.seconds()
    try OutputPlace(request).check()
    if request.strict { try WeightConcerns(notes: plan.notes, omissions: plan.omissions).refuse(path: request.source) }
    let snapshot = try SourceSnapshot(plan.stored.catalog.files.map(\.path) + (plan.stored.travelling?.paths ?? []), request.readLog)
    let identity = try RunIdentity(
      request, format: "hf", layout: nil, plugin: plan.plugin, hostVersion: hostVersion, conversion: plan.conversion,
      snapshot: snapshot)
    let modes = try OutputModes(of: plan.stored.catalog.files.map(\.path) + [plan.stored.config.path])
    let stage = try ResumableOutput(request, identity, conversion: plan.conversion, modes: modes, snapshot: snapshot,
      progress: progress)
    var shown = try stage.make(bytesNeeded: bytesNeeded) { () throws(MimoError) in
      try plan.checkTensors(request.resources)
      let differing = try plan.stored.differingTies()
      let sources = try ChunkFiles.open(plan.conversion.stored.files)
      let files = try stage.files(plan.output.files, heads: plan.output.heads)
      let result = try stage.move(whole: files, stored: sources, progress: progress)
      try plan.stored.checkDigests(result.chunkDigests, areWhole: result.chunkIsWhole, unread: plan.unread, files: sources)
      try copyTies(files)
      try writeCompanions(into: stage.path)
      try OutputFolder.prove(stage.path, tensors: plan.output.whole.count + plan.output.copies.count)
      let readAgain = try request.splices.isEmpty ? [] : Reread(folder: stage.path, resources: request.resources).check(plan, result, request)
      let again = try stage.lookAgain()
      var report = report()
      report.notes += stage.notes.map { Note(.remark, $0) }
      report.readAgain = readAgain
      report.omissions = plan.omissions + differing.map(Omission.init)
      report.add(plan.conversion, names: plan.stored.description.targets.indices.map(plan.stored.name), result: result)
      report.notes += again.map { Note(.remark, $0) }
      let weights = WrittenWeights(result: result, digests: plan.output.digests(result.wholeDigests))
      report.files = try ReportedFile.all(in: stage.path, known: weights.known(plan.output.files))
      try plan.stored.checkCopies(report.files, to: [""])
      report.bytesResumed = stage.bytesResumed
      if request.strict { try WeightConcerns(report).refuse(path: request.source) }
      report.seconds = MonotonicClock.seconds() - start
      try report.write(into: stage.path)
      return report
    }
    shown.coverWholeRun(since: start)
    return shown
  }

  package var bytesNeeded: UInt64 {
    plan.output.files.reduce(0) { $0 + $1.size } + UInt64(plan.conversion.whole.count * 1024 + (1 << 20))
  }

  /// Tied tensors that the original stored twice are stored twice again.
  private func copyTies(_ files: [File]) throws(MimoError) {
    var buffer = ByteBuffer()
    for copy in plan.output.copies {
      let total = copy.original.byteCount
      var position = 0
      while position < total {
        try Interruption.check()
        let bytes = try buffer.reserve(min(4 << 20, total - position))
        try files[copy.original.file].read(into: bytes, at: copy.original.offset + UInt64(position))
        try files[copy.duplicate.file].write(
          UnsafeRawBufferPointer(bytes), at: copy.duplicate.offset + UInt64(position))
        position += bytes.count
      }
    }
  }

  private func writeCompanions(into folder: String) throws(MimoError) {
    try OutputFolder.writeIndex(plan.output.index, in: folder)
    guard let travelling = plan.stored.travelling else { return }
    try OutputFolder.writeCompanions(travelling, config: plan.stored.config, plan.overrides, in: folder)
  }

  private func report() -> ConversionReport {
    var report = ConversionReport(
      hostVersion: hostVersion, command: request.command, plugin: (plan.plugin.family, plan.plugin.version),
      source: .init(
        path: request.source, format: plan.stored.formatName,
        bytes: plan.stored.catalog.files.reduce(0) { $0 + $1.size }),
      output: .init(path: request.output, format: "hf", bytes: plan.output.files.reduce(0) { $0 + $1.size }),
      layout: .null, planHash: plan.conversion.hash)
    report.notes = plan.notes
    return report
  }
}
