import MimoCheckpoints
import MimoMapping
import MimoPluginHost
import MimoSystem
import MimoTensor
import MimoTransfer

extension VerifyPlan {
  package init(_ request: VerifyRequest, plugin: PluginLibrary) throws(MimoError) {
    guard let second = request.second else {
      try self.init(digestsOf: request, plugin: plugin)
      return
    }
    let formatA = try CheckpointFormat.recognise(request.first)
    let formatB = try CheckpointFormat.recognise(second)
    let weights: VerifyPlan =
      switch (formatA, formatB) {
      case (.hf, .hf): try VerifyPlan(folders: request.first, second, request, plugin: plugin)
      case (.hf, _): try VerifyPlan(folder: request.first, isFirst: true, second, formatB, request, plugin: plugin)
      case (_, .hf): try VerifyPlan(folder: second, isFirst: false, request.first, formatA, request, plugin: plugin)
      default: try VerifyPlan(stored: request.first, formatA, second, formatB, request, plugin: plugin)
      }
    let companions = try ComparedCompanions(request.first, formatA, second, formatB, plugin)
    self.init(bytes: weights.bytes) { (progress) throws(MimoError) in
      var report = try weights.work(progress)
      report.differences += companions.differences
      report.notes += companions.notes
      return report
    }
  }

  private init(
    folder: String, isFirst: Bool, _ other: String, _ format: CheckpointFormat, _ request: VerifyRequest,
    plugin: PluginLibrary
  ) throws(MimoError) {
    let matched = try FolderAgainstStored(
      folder: folder, isFirst: isFirst, stored: other, format, request, plugin: plugin)
    var report = VerifyReport(
      a: .init(path: request.first, format: isFirst ? "hf" : matched.format),
      b: request.second.map { .init(path: $0, format: isFirst ? matched.format : "hf") }, basis: FolderAgainstStored.basis)
    report.differences = matched.differences
    report.skipped = matched.skipped
    report.notes = matched.notes
    try self.init(matched.comparison, request, report)
  }

  /// - Parameter report: with what is known before any value is compared.
  init(_ comparison: Comparison, _ request: VerifyRequest, _ report: VerifyReport) throws(MimoError) {
    guard !comparison.pairs.isEmpty || !report.differences.isEmpty else {
      let why = report.skipped.first.map { ": \($0.name) is \($0.reason)" } ?? ""
      throw MimoError(
        .invalidInput, "has no tensor in common with \(request.second ?? ""), so nothing was compared\(why)",
        path: request.first, remedy: "Name two checkpoints of one model, or of one component")
    }
    let bytes = comparison.pairs.reduce(0) { sum, pair in
      sum + (comparison.a.dtype(of: pair.a).byteCount(elements: pair.shape.elementCount ?? 0) ?? 0)
    }
    self.init(bytes: bytes) { [report] (progress) throws(MimoError) in
      var report = report
      report.differences += try comparison.run(request.resources.comparing, request.budget, progress: progress)
      report.comparedTensors = comparison.pairs.count
      report.comparedBytes = bytes
      return report
    }
  }

  // MARK: Two Megatron checkpoints

  private init(
    stored first: String, _ formatA: CheckpointFormat, _ second: String, _ formatB: CheckpointFormat,
    _ request: VerifyRequest, plugin: PluginLibrary
  ) throws(MimoError) {
    let models = try ComparedModels(request, second: second)
    let a = try OpenedStored(first, formatA, of: try models.origin(of: first), request, plugin: plugin)
    let b = try OpenedStored(second, formatB, of: try models.origin(of: second), request, plugin: plugin)
    let matched = TensorPairs(
      a.tensors(leavingOut: a.rules(for: b, plugin)), b.tensors(leavingOut: b.rules(for: a, plugin)))
    var report = VerifyReport(
      a: .init(path: first, format: a.format), b: .init(path: second, format: b.format),
      basis: "stored values, in the order of the Hugging Face tensors")
    report.differences = matched.differences
    report.skipped = matched.skipped
    for key in Set(a.leftBehind).union(b.leftBehind).sorted() {
      report.skipped.append(.init(name: key, reason: "is no weight, but state of a training"))
    }
    report.notes = matched.notes + a.rowNotes.map { "A: \($0)" } + b.rowNotes.map { "B: \($0)" }
    try self.init(Comparison(a: a.side, b: b.side, pairs: matched.pairs), request, report)
  }
}

extension Comparison {
  /// With A and B in each other's place.
  var exchanged: Comparison {
    Comparison(
      a: b, b: a,
      pairs: pairs.map { Pair(name: $0.name, shape: $0.shape, a: $0.b, b: $0.a, order: $0.order) })
  }
}
