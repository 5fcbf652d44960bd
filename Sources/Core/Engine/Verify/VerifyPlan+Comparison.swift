import MimoFormats
import MimoMapping
import MimoPlan
import MimoPlugins
import MimoSystem
import MimoTensor

extension VerifyPlan {
  package init(_ request: VerifyRequest, plugin: PluginLibrary) throws(MimoError) {
    let formatA = try CheckpointFormat.recognise(request.first)
    guard let second = request.second else {
      try self.init(digestsOf: request, format: formatA, plugin: plugin)
      return
    }
    let formatB = try CheckpointFormat.recognise(second)
    switch (formatA, formatB) {
    case (.hf, .hf): try self.init(folders: request.first, second, request, plugin: plugin)
    case (.hf, _):
      let matched = try FolderAgainstStored(folder: request.first, stored: second, formatB, request, plugin: plugin)
      self.init(
        matched.comparison, request, formats: ("hf", matched.format), basis: FolderAgainstStored.basis,
        skipped: matched.skipped)
    case (_, .hf):
      let matched = try FolderAgainstStored(folder: second, stored: request.first, formatA, request, plugin: plugin)
      self.init(
        matched.comparison.exchanged, request, formats: (matched.format, "hf"), basis: FolderAgainstStored.basis,
        skipped: matched.skipped)
    default: try self.init(stored: request.first, formatA, second, formatB, request, plugin: plugin)
    }
  }

  private init(
    _ comparison: Comparison, _ request: VerifyRequest, formats: (a: String, b: String), basis: String,
    skipped: [VerifyReport.Skipped], differences: [VerifyReport.Tensor] = []
  ) {
    let bytes = comparison.pairs.reduce(0) { sum, pair in
      sum + (comparison.a.dtype(of: pair.a).byteCount(elements: pair.shape.elementCount ?? 0) ?? 0)
    }
    self.init(bytes: bytes) { (progress) throws(MimoError) in
      var report = VerifyReport(
        a: .init(path: request.first, format: formats.a),
        b: request.second.map { .init(path: $0, format: formats.b) }, basis: basis)
      report.skipped = skipped
      report.differences = differences + (try comparison.run(request.resources, progress: progress))
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
    let origin = try VerifyPlan.origin(first, second, request)
    let a = try OpenedStored(first, formatA, of: origin, request, plugin: plugin)
    let b = try OpenedStored(second, formatB, of: origin, request, plugin: plugin)
    var numbers: [String: Int] = [:]
    for (index, source) in b.gather.mapped.sources.enumerated() { numbers[source.name] = index }
    var pairs: [Comparison.Pair] = []
    var skipped: [VerifyReport.Skipped] = []
    for (index, source) in a.gather.mapped.sources.enumerated() {
      guard let other = numbers.removeValue(forKey: source.name) else {
        skipped.append(b.skips(source.name, where: "B"))
        continue
      }
      guard a.gather.kernels(of: index) == b.gather.kernels(of: other) else {
        skipped.append(.init(name: source.name, reason: "the two layouts store different functions of it"))
        continue
      }
      pairs.append(.init(name: source.name, shape: source.shape, a: index, b: other, order: (0, UInt64(index))))
    }
    for source in b.gather.mapped.sources where numbers[source.name] != nil { skipped.append(a.skips(source.name, where: "A")) }
    for key in Set(a.leftBehind).union(b.leftBehind).sorted() {
      skipped.append(.init(name: key, reason: "is no weight, but state of a training"))
    }
    self.init(
      Comparison(a: a.side, b: b.side, pairs: pairs), request, formats: (a.format, b.format),
      basis: "stored values, in the order of the Hugging Face tensors", skipped: skipped)
  }

  private static func origin(
    _ first: String, _ second: String, _ request: VerifyRequest
  ) throws(MimoError) -> ModelOrigin {
    if let folder = request.configFolder { return try ModelOrigin(folder: folder) }
    if try TravellingRecord.find(beside: first) == nil, try TravellingRecord.find(beside: second) != nil {
      return try ModelOrigin(beside: second)
    }
    return try ModelOrigin(beside: first)
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

/// A Megatron checkpoint that is ready to be gathered.
struct OpenedStored {
  let format: String
  let layout: String
  let gather: GatherPlan
  let side: ComparedSide
  /// Keys that are no weights.
  let leftBehind: [String]

  init(
    _ path: String, _ format: CheckpointFormat, of origin: ModelOrigin, _ request: VerifyRequest,
    plugin: PluginLibrary
  ) throws(MimoError) {
    var stored = try StoredCheckpoint(path, format: format, of: origin, expertStorage: nil, plugin: plugin)
    try stored.locate(jobs: request.resources.jobs)
    layout = stored.naming.rawValue
    leftBehind = stored.leftBehind
    self.format = stored.formatName
    gather = try GatherPlan(stored.description, stored.catalog)
    side = ComparedSide(content: .stored(gather.plan), files: try OutputFolder.open(stored.catalog.files))
  }

  /// Why this checkpoint does not hold a tensor.
  func skips(_ name: String, where side: String) -> VerifyReport.Skipped {
    let rule = gather.mapped.drops.first { Pattern.matches($0.pattern, name) }
    return .init(name: name, reason: "not in \(side): " + (rule?.reason ?? "layout \(layout) has no place for it"))
  }
}

/// A Hugging Face folder and a Megatron checkpoint of one model.
private struct FolderAgainstStored {
  let comparison: Comparison
  let format: String
  let skipped: [VerifyReport.Skipped]

  static let basis = "what Megatron stores: the Hugging Face side goes through the import's mapping"

  init(
    folder path: String, stored other: String, _ format: CheckpointFormat, _ request: VerifyRequest,
    plugin: PluginLibrary
  ) throws(MimoError) {
    let folder = try HuggingFaceFolder.open(path)
    let stored = try OpenedStored(other, format, of: try ModelOrigin(folder: path), request, plugin: plugin)
    let match = try SourceMatch(stored.gather.mapped, folder, decoded: stored.gather.decodedDType)
    let differing = try TieCheck.run(match.duplicates, in: folder)
    let files = folder.files.map { StoredFile(path: $0.path, size: $0.size) }
    // The import of these very bytes into the chunks that are there.
    let conversion = try ConversionPlan(
      .wholeToStored, description: stored.gather.mapped, whole: match.whole, wholeFiles: files,
      stored: stored.gather.plan.stored)
    var forms: [StoredForm?] = []
    var pairs: [Comparison.Pair] = []
    for (index, tensor) in match.whole.enumerated() {
      forms.append(
        try StoredForm(
          of: index, in: conversion, with: stored.gather.mapped, as: stored.gather.plan.whole[index].dtype))
      pairs.append(
        .init(name: tensor.name, shape: tensor.shape, a: index, b: index, order: (tensor.file, tensor.offset)))
    }
    let own = ComparedSide(content: .whole(match.whole, forms: forms), files: try OutputFolder.open(files))
    comparison = Comparison(a: own, b: stored.side, pairs: pairs)
    self.format = stored.format
    let equal = match.duplicates.filter { duplicate in !differing.contains { $0.name == duplicate.name } }
    skipped =
      (match.drops + differing).map { .init(name: $0.name, reason: $0.reason) }
      + equal.map { .init(name: $0.name, reason: "is the same as \($0.original), which it is tied to") }
  }
}
