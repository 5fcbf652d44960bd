import MimoCheckpoints
import MimoContainers
import MimoMapping
import MimoPluginHost
import MimoSystem
import MimoTensor
import MimoTransfer

extension VerifyPlan {
  /// One checkpoint against the digests of the report that was written with it.
  init(digestsOf request: VerifyRequest, plugin: PluginLibrary) throws(MimoError) {
    // A damaged file may keep the format from being recognised: then the file is named, not that.
    let format = capture { () throws(MimoError) in try CheckpointFormat.recognise(request.first) }
    guard let place = try ReportPlace(of: request.first) else {
      _ = try format.get()
      throw MimoError(
        .usage, "has no \(ReportFile.name) to be checked against", path: request.first,
        remedy: "Name a second checkpoint to compare it with")
    }
    let report = try RecordedReport(file: place.path)
    let check =
      report.schema == 1
      ? try DigestCheck(schema1: report, request, try format.get(), in: place.root, plugin: plugin)
      : try DigestCheck(report, request, format, in: place, plugin: plugin)
    guard !check.items.isEmpty else {
      throw MimoError(
        .invalidInput, "has no digest of anything in the checkpoint", path: place.path,
        remedy: "The report belongs to another checkpoint")
    }
    self.init(bytes: check.bytes) { (progress) throws(MimoError) in try check.run(request, progress: progress) }
  }
}

extension DigestCheck {
  /// All files that the report lists, and the tensors in them.
  init(
    _ report: RecordedReport, _ request: VerifyRequest, _ format: Result<CheckpointFormat, MimoError>,
    in place: ReportPlace, plugin: PluginLibrary
  ) throws(MimoError) {
    self.init(
      basis: "each file, and \(report.format == "hf" ? "each tensor by its CRC-64" : "each stored chunk by its CRC-32"), with "
        + ReportFile.name, format: report.format,
      root: place.root)
    var numbers: [String: Int] = [:]
    for file in report.listed {
      guard try takes(file) else { continue }
      numbers[file.path] = files.count
      whole[files.count] = file
      files.append(StoredFile(path: FileSystem.join(root, file.path), size: file.bytes))
    }
    do throws(MimoError) {
      items = try DigestCheck.tensors(report, request, try format.get(), in: place, numbers, skipped: &skipped, plugin: plugin)
    } catch {
      obstacle = error
    }
    addBytesAroundTensors()
    try noteUnlisted(report)
  }

  /// Whether a listed file is there and is to be read.
  private mutating func takes(_ file: ReportedFile) throws(MimoError) -> Bool {
    guard !TrackerFiles.contains(file.path) else {
      skipped.append(.init(name: file.path, reason: "trainers that go on from this checkpoint rewrite it"))
      return false
    }
    let path = FileSystem.join(root, file.path)
    guard try FileSystem.exists(path) else {
      differences.append(.init(name: file.path, difference: .missing(from: "the checkpoint")))
      return false
    }
    let info = try FileSystem.info(at: path)
    guard info.kind == .regular, info.size == file.bytes else {
      let found = info.kind == .regular ? "\(info.size) bytes" : "a \(info.kind.rawValue)"
      differences.append(.init(name: file.path, difference: .digest(expected: "\(file.bytes) bytes", found: found, place: path)))
      return false
    }
    return true
  }

  /// The tensors of the checkpoint, with what the report says of each.
  private static func tensors(
    _ report: RecordedReport, _ request: VerifyRequest, _ format: CheckpointFormat, in place: ReportPlace,
    _ numbers: [String: Int], skipped: inout [VerifyReport.Skipped], plugin: PluginLibrary
  ) throws(MimoError) -> [Item] {
    if format == .hf {
      let check = try DigestCheck(folder: request.first, report, in: place.root)
      skipped += check.skipped
      return check.items.compactMap { item in
        guard let file = place.relative(check.files[item.file].path).flatMap({ numbers[$0] }) else { return nil }
        var item = item
        item.file = file
        return item
      }
    }
    let stored = try open(request, format, plugin: plugin)
    var items: [Item] = []
    for index in stored.description.targets.indices {
      let name = stored.name(of: index)
      let known = report.chunks[name]?.byPlace ?? PlacedChunks()
      let target = stored.catalog.targets[index]
      for chunk in stored.catalog.chunks[target.chunks] {
        guard chunk.isRowMajor else {
          skipped.append(.init(name: name, reason: "does not lie in one run of bytes; its file is checked as a whole"))
          continue
        }
        guard let width = target.dtype.byteWidth,
          let path = place.relative(stored.catalog.files[chunk.file].path), let file = numbers[path],
          let digest = report.number(of: path).flatMap({ known[$0, chunk.region] })
        else {
          skipped.append(.init(name: name, reason: "the report has no digest of it"))
          continue
        }
        items.append(
          Item(name: name, file: file, offset: chunk.offset, bytes: chunk.region.volume * width, kind: .crc32(digest)))
      }
    }
    return items
  }

  /// The tensors of a Hugging Face folder, each with one digest over its bytes.
  package init(folder path: String, _ report: RecordedReport, in root: String) throws(MimoError) {
    self.init(
      basis: "each tensor's bytes against its CRC-64 in \(ReportFile.name)", format: "hf", root: root)
    let folder = try HuggingFaceFolder.open(path)
    bytesToRead = DigestReader(folder, report)
    let held = Set(folder.tensors.map(\.name))
    skipped = folder.tensors.lazy.map(\.name).filter { report.whole[$0] == nil }
      .map { .init(name: $0, reason: "the report has no digest of it") }
    differences = report.whole.keys.filter { !held.contains($0) }.sorted()
      .map { .init(name: $0, difference: .missing(from: "the checkpoint")) }
  }

  static func open(
    _ request: VerifyRequest, _ format: CheckpointFormat, plugin: PluginLibrary
  ) throws(MimoError) -> StoredCheckpoint {
    let origin =
      if let folder = request.configFolder { try ModelOrigin(folder: folder) } else { try ModelOrigin(beside: request.first) }
    var stored = try StoredCheckpoint(
      request.first, format: format, of: origin, expertStorage: nil, withOptimizer: true, plugin: plugin)
    try stored.locate(jobs: request.resources.jobs)
    return stored
  }

  /// Fills each file up with what lies around its tensors; one whose tensors overlap is read twice.
  private mutating func addBytesAroundTensors() {
    let byFile = Dictionary(grouping: items.indices) { items[$0].file }
    for (number, file) in whole {
      let own = (byFile[number] ?? []).sorted { items[$0].offset < items[$1].offset }
      if let gaps = DigestCheck.gaps(in: file, number, between: own.map { items[$0] }) {
        items += gaps
      } else {
        for index in own { items[index].isOfFile = false }
        items.append(Item(name: nil, file: number, offset: 0, bytes: Int(clamping: file.bytes), kind: file.digest))
      }
    }
  }

  /// nil when the items can not make up the digest of their file.
  private static func gaps(in file: ReportedFile, _ number: Int, between items: [Item]) -> [Item]? {
    var gaps: [Item] = []
    var end: UInt64 = 0
    func gap(_ range: Range<UInt64>) -> Item {
      Item(name: nil, file: number, offset: range.lowerBound, bytes: range.count, kind: file.digest)
    }
    for item in items {
      guard item.offset >= end, item.kind.isSameKind(as: file.digest) else { return nil }
      if item.offset > end { gaps.append(gap(end..<item.offset)) }
      end = item.offset + UInt64(item.bytes)
    }
    if end < file.bytes || items.isEmpty { gaps.append(gap(end..<max(end, file.bytes))) }
    return gaps
  }

  /// What lies in the folder and is not the report's says nothing of what is.
  private mutating func noteUnlisted(_ report: RecordedReport) throws(MimoError) {
    let unlisted = try FileTree(root).files.map(\.path).filter { report.file($0) == nil && $0 != ReportFile.name }
    guard let first = unlisted.first else { return }
    let isOne = unlisted.count == 1
    notes.append(
      "not in the report, and not looked at: \(counted(unlisted.count, "file")): \(first)\(isOne ? "" : ", ...")")
  }
}
