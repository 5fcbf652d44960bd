import MimoSystem

/// The second look at what a run has read. A file that was touched (its change time moved, its size and time did not) is
/// read again as far as it was read, and compared: a copy in place that keeps times is found, a `chmod` is no error.
package struct SourceProof {
  let plan: ConversionPlan
  /// Parallel to the plan's source.
  let files: [File]
  let snapshot: SourceSnapshot
  let journal: RunJournal
  let resources: Resources
  let progress: ProgressHandler

  package init(
    plan: ConversionPlan, files: [File], snapshot: SourceSnapshot, journal: RunJournal, resources: Resources, progress: @escaping ProgressHandler
  ) {
    self.plan = plan
    self.files = files
    self.snapshot = snapshot
    self.journal = journal
    self.resources = resources
    self.progress = progress
  }

  /// A file that is touched again and again must not keep a run from its end.
  private static let mostLooks = 3

  /// Looks at all that the run has read; returns what the user should know.
  package func atTheEnd(_ begins: () -> Void) throws(MimoError) -> [String] {
    var known = snapshot.looks
    var again = ReadAgain()
    for _ in 0..<SourceProof.mostLooks {
      let touched = try SourceSnapshot.touched(Array(known.values))
      if touched.isEmpty { return again.notes }
      begins()
      again.paths.formUnion(touched.map(\.path))
      again.bytes += try readAgain(touched.map(\.path))
      for entry in touched { known[entry.path] = entry }
    }
    again.isEndless = try !SourceSnapshot.touched(Array(known.values)).isEmpty
    return again.notes
  }

  /// Looks at what former runs have read of files that were touched since; returns what the user should know.
  package func onResume(_ touched: Set<String>) throws(MimoError) -> [String] {
    let bytes = try units(of: touched) { place in
      place.refusal(
        "changed since the unfinished run read it, though its size and time did not", remedy: RunJournal.restart)
    }
    return ReadAgain(paths: touched, bytes: bytes).notes
  }

  /// The bytes that were read again.
  private func readAgain(_ paths: [String]) throws(MimoError) -> Int {
    let message = "changed while it was read, though its size and time did not"
    var bytes = try units(of: Set(paths)) { place in place.refusal(message, remedy: SourceSnapshot.remedy) }
    for path in paths {
      try Interruption.check()
      bytes += try snapshot.log.readAgain(path) { range in
        UnitPlace(path: path, tensor: nil, bytes: range).refusal(message, remedy: SourceSnapshot.remedy)
      }
    }
    return bytes
  }

  /// What recorded units read of these files.
  private func units(
    of paths: Set<String>, refusal: @escaping @Sendable (UnitPlace) -> MimoError
  ) throws(MimoError) -> Int {
    let stored = UnitSide.source.files(of: plan)
    let chosen = Set(stored.indices.filter { paths.contains(stored[$0].path) })
    guard !chosen.isEmpty else { return 0 }
    let proof = UnitProof(
      plan: plan, side: .source, files: files, windowBytes: journal.windowBytes, resources: resources, progress: progress)
    let plan = plan
    return try proof.run(over: journal.records, where: { record in plan.reads(chosen, for: record) }, refusal: refusal)
  }
}

/// Files that were touched and read again.
private struct ReadAgain {
  var paths: Set<String> = []
  var bytes = 0
  /// Something goes on touching them.
  var isEndless = false

  /// What the user should know of it.
  var notes: [String] {
    guard let first = paths.min(by: bytewiseLess) else { return [] }
    let files = paths.count > 1 ? "\(first) and \(paths.count - 1) more files were" : "\(first) was"
    let end = isEndless ? "; something touches it still" : ""
    return [
      "\(files) touched while it was read (mode, owner, links or times): \(bytes) bytes were read again and are the same\(end)"
    ]
  }
}

extension ConversionPlan {
  /// Whether a unit was read from one of these files of the source.
  fileprivate func reads(_ files: Set<Int>, for record: UnitRecord) -> Bool {
    guard direction != .wholeToStored else {
      return whole[record.unit.tensor].stored.contains { files.contains($0.file) }
    }
    guard let reading = gathering.first else {
      return record.tally.chunks.contains { files.contains(stored.chunks[$0.chunk].file) }
    }
    return record.tally.chunks.contains { part in
      part.chunk >= stored.chunks.count && files.contains(reading.stored.chunks[part.chunk - stored.chunks.count].file)
    }
  }
}
