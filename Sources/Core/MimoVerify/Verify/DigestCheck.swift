import MimoCheckpoints
import MimoSystem
import MimoTransfer

/// Byte ranges of files and the digests that they must have.
struct DigestCheck: Sendable {
  let basis: String
  var format: String
  /// The folder that the files' names are relative to.
  let root: String
  var bytesToRead = DigestReader()
  /// What whole files must have, by number; all of such a file is in items that do not overlap.
  var whole: [Int: ReportedFile] = [:]
  var differences: [VerifyReport.Tensor] = []
  var skipped: [VerifyReport.Skipped] = []
  var notes: [String] = []
  /// Why no tensor could be found; thrown when no file differs either.
  var obstacle: MimoError?

  typealias Item = DigestReader.Item

  var items: [Item] {
    get { bytesToRead.items }
    set { bytesToRead.items = newValue }
  }

  var files: [StoredFile] {
    get { bytesToRead.files }
    set { bytesToRead.files = newValue }
  }

  var bytes: Int { items.reduce(0) { $0 + $1.bytes } }

  func run(_ request: VerifyRequest, progress: @escaping ProgressHandler) throws(MimoError) -> VerifyReport {
    try report(request, try bytesToRead.digests(request.resources, request.budget, progress: progress))
  }

  private func report(_ request: VerifyRequest, _ found: [FileDigest?]) throws(MimoError) -> VerifyReport {
    var report = VerifyReport(a: .init(path: request.first, format: format), b: nil, basis: basis)
    report.differences = differences
    var damaged: Set<Int> = []
    for (item, digest) in zip(items, found) {
      guard let name = item.name, let digest, digest != item.kind else { continue }
      damaged.insert(item.file)
      let place = "\(files[item.file].path), byte \(item.offset)"
      report.differences.append(
        .init(name: name, difference: .digest(expected: item.kind.text, found: digest.text, place: place)))
    }
    report.differences += wholeFiles(found).filter { !damaged.contains($0.file) }.map(\.difference)
    if let obstacle {
      guard !report.differences.isEmpty else { throw obstacle }
      report.notes.append("its tensors could not be told apart: \(obstacle)")
    }
    report.notes += notes
    report.skipped = skipped
    report.comparedTensors = items.count { $0.name != nil }
    report.comparedFiles = whole.count
    report.comparedBytes = bytes
    return report
  }

  /// Files whose bytes as a whole are not those of the report.
  private func wholeFiles(_ found: [FileDigest?]) -> [(file: Int, difference: VerifyReport.Tensor)] {
    let (sums32, sums64) = (sums(CRC32.self, found), sums(CRC64.self, found))
    return whole.keys.sorted().compactMap { file in
      guard let expected = whole[file] else { return nil }
      let sum = if case .crc32 = expected.digest { sums32[file]?.digest } else { sums64[file]?.digest }
      guard sum != expected.digest else { return nil }
      let isInTensors = items.contains { $0.file == file && $0.name != nil }
      let place = files[file].path + (isInTensors ? ", outside of its tensors" : "")
      return (
        file,
        VerifyReport.Tensor(
          name: expected.path,
          difference: .digest(expected: expected.digest.text, found: sum?.text ?? "unknown", place: place)))
    }
  }

  private func sums<Kind: LinearChecksum>(_ kind: Kind.Type, _ found: [FileDigest?]) -> [Int: FileSum<Kind>] {
    var sums: [Int: FileSum<Kind>] = [:]
    for (item, digest) in zip(items, found) where item.isOfFile && whole[item.file] != nil {
      guard let digest, let value = Kind.value(digest) else { continue }
      sums[item.file, default: FileSum(size: files[item.file].size)].add(value, of: UInt64(item.bytes), at: item.offset)
    }
    for file in whole.keys where sums[file] == nil { sums[file] = FileSum(size: files[file].size) }
    return sums
  }
}
