import MimoContainers
import MimoMapping
import MimoSystem
import MimoTensor
import MimoTransfer

/// The report that a source folder was written with: what is read of the folder must have the digests in it.
///
/// Files that it does not list are another's, and are not checked: a training that went on in the folder, for one.
package struct SourceReport: Sendable {
  let place: ReportPlace
  let report: RecordedReport

  /// nil where there is no report, or it is to be ignored.
  ///
  /// - Parameter lists: those of the report that are needed.
  package init?(
    of checkpoint: String, ignored: Bool, lists: Set<ReportLines.List> = Set(ReportLines.List.allCases)
  ) throws(MimoError) {
    guard !ignored, try FileSystem.isDirectory(checkpoint), let place = try ReportPlace(of: checkpoint) else { return nil }
    self.place = place
    report = try RecordedReport(file: place.path, lists: lists)
  }

  // MARK: Tensors

  /// Throws when a tensor of a Hugging Face folder does not have its CRC-64.
  ///
  /// - Parameter result: of the import that has just read it.
  package func check(_ plan: ConversionPlan, _ result: MoveResult) throws(MimoError) {
    guard report.format == "hf" else { return }
    for (index, tensor) in plan.whole.enumerated() {
      for (part, stored) in tensor.stored.enumerated() {
        let digest = part == 0 ? result.wholeDigests[index] : result.scaleDigests[index]
        guard let digest, let expected = report.whole[stored.name], digest != expected else { continue }
        throw SourceReport.difference(
          .crc64(digest), .crc64(expected), in: plan.wholeFiles[stored.file].path, at: stored.offset,
          count: stored.byteCount, tensor: stored.name)
      }
    }
  }

  /// Throws when the bytes before the tensors of a Hugging Face folder's files were changed: what remains of a file's digest
  /// without those of its tensors.
  package func checkHeads(of folder: HuggingFaceFolder) throws(MimoError) {
    guard report.format == "hf" else { return }
    let byFile = Dictionary(grouping: folder.tensors, by: \.file)
    for (number, file) in folder.files.enumerated() {
      guard let listed = place.relative(file.path).flatMap({ report.file($0) }), case .crc64 = listed.digest else { continue }
      guard file.size == listed.bytes else {
        throw SourceReport.refusal("has \(file.size) bytes, but \(ReportFile.name) says \(listed.bytes)", file.path)
      }
      var head = [UInt8](repeating: 0, count: Int(clamping: file.header.dataStart))
      let opened = try File.openForReading(file.path)
      try head.withUnsafeMutableBytes { buffer in
        capture { () throws(MimoError) in try opened.read(into: buffer, at: 0) }
      }.get()
      var sum = FileSum<CRC64>(size: file.size)
      sum.add(head, at: 0)
      for tensor in byFile[number] ?? [] {
        guard let crc = report.whole[tensor.name] else { continue }
        sum.add(crc, of: UInt64(tensor.range.count), at: tensor.range.lowerBound)
      }
      // Ties that are stored twice have no digest of their own: such a file has no sum.
      guard let found = sum.digest, found != listed.digest else { continue }
      throw SourceReport.refusal(
        "bytes 0 to \(head.count - 1), before its tensors, were changed: with them the file has the CRC-64 \(found.text), but "
          + "\(ReportFile.name) says \(listed.digest.text)", file.path, byte: 0)
    }
  }

  /// Throws when a tensor of a Hugging Face folder that is read as chunks does not have its CRC-64; each is read for it.
  ///
  /// - Parameter names: of the tensors that are used.
  func checkTensors(_ names: Set<String>, of folder: String, _ resources: Resources) throws(MimoError) {
    guard report.format == "hf" else { return }
    var check = DigestReader(try HuggingFaceFolder.open(folder), report)
    check.items.removeAll { item in item.name.map { !names.contains($0) } ?? true }
    guard let wrong = try check.firstDifference(resources) else { return }
    throw SourceReport.difference(
      wrong.found, wrong.item.kind, in: check.files[wrong.item.file].path, at: wrong.item.offset,
      count: wrong.item.bytes, tensor: wrong.item.name)
  }

  // MARK: Files

  /// Throws when a small file that decides how the weights are read was changed.
  ///
  /// - Parameter names: inside of the folder of the report.
  package func checkFiles(_ names: [String]) throws(MimoError) {
    var buffer = ByteBuffer()
    for name in names {
      guard let listed = report.file(name), !TrackerFiles.contains(name) else { continue }
      let path = FileSystem.join(place.root, name)
      guard try FileSystem.exists(path) else { continue }
      let found = try FileDigest.digest(of: try File.openForReading(path), as: listed.digest, &buffer)
      guard found == listed.digest else { throw SourceReport.difference(found, listed.digest, in: path) }
    }
  }

  /// Throws when a file that was copied into OUT is not the one that the source's report lists.
  ///
  /// - Parameters:
  ///   - copies: of OUT, each with the digest that its own report gives it.
  ///   - folder: where they were copied from, under the same names.
  ///   - prefixes: what stands before these names in OUT.
  package func checkCopies(
    _ copies: [ReportedFile], of names: [String], from folder: String, to prefixes: [String]
  ) throws(MimoError) {
    var expected: [String: (path: String, digest: FileDigest)] = [:]
    // What a layout changes in config.json is no damage; the file was checked before it was read.
    for name in names where name != "config.json" {
      let path = FileSystem.join(folder, name)
      guard let listed = place.relative(path).flatMap({ report.file($0) }) else { continue }
      for prefix in prefixes { expected[prefix + name] = (path, listed.digest) }
    }
    for copy in copies {
      guard let (path, digest) = expected[copy.path], copy.digest.isSameKind(as: digest), copy.digest != digest else { continue }
      throw SourceReport.difference(copy.digest, digest, in: path)
    }
  }

  // MARK: The error

  static func difference(
    _ found: FileDigest, _ expected: FileDigest, in path: String, at offset: UInt64? = nil, count: Int = 0,
    tensor: String? = nil
  ) -> MimoError {
    let kind = if case .crc32 = found { "CRC-32" } else { "CRC-64" }
    let range = offset.map { "bytes \($0) to \($0 + UInt64(max(count, 1)) - 1) have" } ?? "the file has"
    return refusal(
      "\(range) the \(kind) \(found.text), but \(ReportFile.name) says \(expected.text)", path, tensor: tensor,
      byte: offset)
  }

  private static func refusal(_ message: String, _ path: String, tensor: String? = nil, byte: UInt64? = nil) -> MimoError {
    MimoError(
      .invalidInput, message, path: path, tensor: tensor, byte: byte,
      remedy: "The file is damaged or was changed: copy it again; if you changed it on purpose: --ignore-report")
  }
}
