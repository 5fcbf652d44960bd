import Glibc
import MimoMapping
import MimoParallel
import MimoSystem
import MimoTensor
import MimoTransfer

extension FuzzTarget {
  /// The journal of a run, against a plan of one tensor in two chunks.
  ///
  /// Input that begins with the magic is the file. Other input is header and records, each behind a u16 of its length,
  /// which get their checksums here: no fuzzer guesses a CRC.
  package static let journal = FuzzTarget(name: "journal") { (bytes) throws(MimoError) in
    let plan = try smallPlan.get()
    let path = temporaryPath("journal")
    try FileSystem.removeTree(path)
    defer { unlink(path) }
    try write(bytes, to: path)
    let file = try File.openForUpdating(path)
    _ = try RunJournal(
      continuing: file, RunIdentity(), plan: plan, resources: Resources(jobs: 1, memory: 512 << 20))
  }

  /// Where this thread may write: tests run side by side.
  static func temporaryPath(_ name: String) -> String {
    FileSystem.join(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp", "mimo-fuzz-\(name)-\(getpid())-\(pthread_self())")
  }

  private static func write(_ bytes: [UInt8], to path: String) throws(MimoError) {
    if bytes.starts(with: JournalFile.magic) { return try FileSystem.writeSmallFile(path, bytes) }
    var parts: [[UInt8]] = []
    var rest = bytes[...]
    while rest.count >= 2 {
      let count = min(Int(rest[rest.startIndex]) | Int(rest[rest.startIndex + 1]) << 8, rest.count - 2)
      parts.append(Array(rest.dropFirst(2).prefix(count)))
      rest = rest.dropFirst(2 + count)
    }
    var journal = try JournalFile(beginning: try File.openOrCreate(path), header: parts.first ?? [])
    try journal.append(Array(parts.dropFirst()))
  }

  package static let smallPlan = capture { () throws(MimoError) in
    var builder = ModelBuilder(components: ["language"])
    let shape = GlobalShape([4, 3])
    let node = try builder.source("weight", shape: shape, published: nil)
    _ = try builder.target(
      component: 0, name: "weight", key: "", node: node, kind: .parameter, dtype: nil, placement: Placement(stage: .first),
      layer: nil, isVocabulary: false)
    var catalog = StoredCatalog()
    catalog.files = [StoredFile(path: "stored", size: 24)]
    for row in [0, 2] {
      let region = Region(offset: [row, 0], extent: [2, 3])
      catalog.chunks.append(StoredChunk(region: region, file: 0, offset: UInt64(row * 6), strides: [3, 1]))
    }
    catalog.targets = [StoredTarget(dtype: .bf16, chunks: 0..<2)]
    let whole = WholeTensor(name: "weight", dtype: .bf16, shape: shape, file: 0, offset: 8)
    return try ConversionPlan(
      .wholeToStored, description: try builder.finish(), whole: [whole], wholeFiles: [StoredFile(path: "whole", size: 32)],
      stored: catalog)
  }
}
