import MimoCheckpoints
import MimoContainers
import MimoPluginHost
import MimoSystem
import MimoTensor
import MimoTransfer

/// Carries out a conversion between two Megatron formats or layouts: everything is written into a hidden folder, which
/// becomes OUT as a whole.
package struct ReshardRun: Sendable {
  let plan: ReshardPlan
  let request: ConversionRequest
  let hostVersion: String

  package init(_ plan: ReshardPlan, request: ConversionRequest, hostVersion: String) {
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
      request, format: plan.format.rawValue, layout: plan.layout.cluster.words, plugin: plan.plugin,
      hostVersion: hostVersion, conversion: plan.conversion, snapshot: snapshot)
    let modes = try OutputModes(of: plan.stored.catalog.files.map(\.path) + [plan.config.path])
    let stage = try ResumableOutput(request, identity, conversion: plan.conversion, modes: modes, snapshot: snapshot,
      progress: progress)
    var shown = try stage.make(bytesNeeded: bytesNeeded) { () throws(MimoError) in
      try plan.checkTensors(request.resources)
      let sources = try ChunkFiles.open(plan.stored.catalog.files)
      let writer = StoredWriter(
        model: plan.outputModel(request), place: request.output, resources: request.resources, training: plan.training,
        tokenizer: plan.stored.travelling, isPart: plan.stored.only != nil)
      let written = try writer.write(plan.output, into: stage, from: sources, progress: progress)
      let result = written.result
      try plan.stored.checkDigests(result.gathered.digests, areWhole: result.gathered.areWhole, unread: plan.unread, files: sources)
      let isRecorded = try plan.stored.origin.writeRecord(
        config: plan.config, leftOut: plan.stored.manifest?.leftOut ?? [], only: plan.stored.only, into: stage.path)
      let differing = try plan.stored.differingTies()
      let readAgain = try request.splices.isEmpty ? [] : Reread(folder: stage.path, resources: request.resources).check(plan, result, request)
      let again = try stage.lookAgain()
      var report = report()
      report.omissions += differing.map(Omission.init)
      report.notes += stage.notes.map { Note(.remark, $0) }
      report.readAgain = readAgain
      if !isRecorded { report.notes.append("OUT does not say its model: name --hf-config when it is read") }
      report.notes += again.map { Note(.remark, $0) }
      report.add(plan.conversion, names: plan.conversion.whole.map(\.name), result: result, written: written)
      report.files = try ReportedFile.all(in: stage.path, known: written.known(plan.output.catalog.files))
      try plan.stored.checkCopies(report.files, to: written.companionPrefixes)
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
    plan.output.catalog.files.reduce(0) { $0 + $1.size } + UInt64(plan.conversion.stored.chunks.count * 768 + (16 << 20))
  }

  private func report() -> ConversionReport {
    var report = ConversionReport(
      hostVersion: hostVersion, command: request.command, plugin: (plan.plugin.family, plan.plugin.version),
      source: .init(
        path: request.source, format: plan.stored.formatName,
        bytes: plan.stored.catalog.files.reduce(0) { $0 + $1.size }),
      output: .init(
        path: request.output, format: plan.format.rawValue, bytes: plan.output.catalog.files.reduce(0) { $0 + $1.size }),
      layout: plan.layout.cluster.json, planHash: plan.conversion.hash)
    report.omissions = plan.omissions
    report.notes = plan.notes
    return report
  }
}
