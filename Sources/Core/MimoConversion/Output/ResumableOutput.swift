import Glibc
import MimoCheckpoints
import MimoSystem
import MimoTransfer

/// An output that is being made in a work folder: what a former run moved there stays, all else is done again.
final class ResumableOutput: Destination {
  private let request: ConversionRequest
  private let identity: RunIdentity
  private let conversion: ConversionPlan
  private let folder: WorkFolder
  private let snapshot: SourceSnapshot
  private let progress: ProgressHandler
  /// Parallel to the plan's source; empty before units are moved.
  private var sources: [File] = []
  /// What a second look at the source on the way has shown.
  private var sourceNotes: [String] = []
  /// nil before there are files to write to.
  private var journal: RunJournal?
  /// What a former run left is not what its journal says, or its source is not: that is for the user to decide.
  private var isDoubtful = false
  /// Bytes of whole tensors that former runs moved.
  let bytesResumed: Int

  /// Opens the work folder of OUT. Throws, and changes nothing, when an unfinished run there was another one.
  ///
  /// - Parameter modes: what others may do with OUT.
  init(
    _ request: ConversionRequest, _ identity: RunIdentity, conversion: ConversionPlan, modes: OutputModes,
    snapshot: SourceSnapshot, progress: @escaping ProgressHandler
  ) throws(MimoError) {
    self.snapshot = snapshot
    self.progress = progress
    self.request = request
    self.identity = identity
    self.conversion = conversion
    folder = try WorkFolder(for: request.output, modes: modes, isTrusted: request.trustsWorkFolder)
    if !request.restart, try folder.hasResult() {
      try folder.checkResult()
      journal = try RunJournal(
        continuing: folder.journal, identity, plan: conversion, resources: request.resources)
    }
    bytesResumed = journal?.bytesDone ?? 0
  }

  /// What the user should know of the place.
  var notes: [String] { folder.note.map { [$0] } ?? [] }

  /// The folder that becomes OUT.
  var path: String { folder.result }

  /// Runs `body`, which makes all of OUT, and publishes it. After an error the work folder stays where the same command
  /// can go on in it, and is removed where it can not.
  func make<Result>(bytesNeeded: UInt64, _ body: () throws(MimoError) -> Result) throws(MimoError) -> Result {
    do throws(MimoError) {
      if journal == nil { try folder.reset() }
      let taken = try folder.allocatedBytes()
      try OutputFolder.checkSpace(bytesNeeded > taken ? bytesNeeded - taken : 0, for: request.output)
      let result = try body()
      try Interruption.check()
      try MadePickles.check(folder: path)
      try OutputPlace(request).checkAgain()
      try folder.publish(replacing: request.overwrite)
      return result
    } catch {
      throw ended(error)
    }
  }

  /// The files of the weights, at full size, with these bytes at their start; all else that lay here is removed.
  ///
  /// - Parameter subfolder: where the files' paths begin, inside OUT.
  func files(
    _ files: [StoredFile], in subfolder: String?, heads: [[UInt8]]
  ) throws(MimoError) -> [File] {
    let root = subfolder.map { FileSystem.join(path, $0) } ?? path
    let opened: [File]
    if let journal {
      opened = try reopen(files, in: root, journal)
      // What is not a unit is made anew.
      let prefix = subfolder.map { $0 + "/" } ?? ""
      try folder.prune(keeping: Set(files.map { prefix + $0.path }))
      try PaddingRows.write(conversion, to: opened)
    } else {
      try FileSystem.createDirectories(root)
      opened = try ChunkFiles.create(files, in: root)
    }
    for (file, head) in zip(opened, heads) { try file.write(head, at: 0) }
    if journal == nil { try begin(below: root) }
    return opened
  }

  /// Moves what is not moved yet.
  func move(whole: [File], stored: [File], progress: @escaping ProgressHandler) throws(MimoError) -> MoveResult {
    sources = conversion.direction == .storedToWhole ? stored : whole
    try proveSources()
    request.phases(.moving(done: bytesResumed))
    let result = try Execution(conversion, resources: request.resources, progress: progress)
      .run(wholeFiles: whole, storedFiles: stored, journal: journal)
    request.phases(.finishing)
    return result
  }

  /// The second look at all that was read of the sources; returns what the user should know.
  func lookAgain() throws(MimoError) -> [String] {
    guard let proof = sourceProof else { return sourceNotes }
    return sourceNotes + (try proof.atTheEnd { request.phases(.provingSource) })
  }

  private var sourceProof: SourceProof? {
    journal.map {
      SourceProof(
        plan: conversion, files: sources, snapshot: snapshot, journal: $0, resources: request.resources, progress: progress)
    }
  }

  /// Throws when what former runs moved is not in the source any more.
  private func proveSources() throws(MimoError) {
    guard let proof = sourceProof, let touched = journal?.touched, !touched.isEmpty else { return }
    request.phases(.provingSource)
    do throws(MimoError) {
      sourceNotes += try proof.onResume(touched)
    } catch {
      isDoubtful = error.code == .invalidInput
      throw error
    }
  }

  /// The files of a former run; throws when one is missing, or what its journal calls done is not what was written.
  private func reopen(_ files: [StoredFile], in root: String, _ journal: RunJournal) throws(MimoError) -> [File] {
    do throws(MimoError) {
      let opened = try ChunkFiles.reopen(files, in: root, recorded: journal.filesWithRecords(of: conversion))
      for file in opened { try folder.admit(file) }
      request.phases(.provingOutput(bytes: journal.bytesDone))
      let proof = UnitProof(
        plan: conversion, side: .output, files: opened, windowBytes: journal.windowBytes, resources: request.resources,
        progress: progress)
      _ = try proof.run(over: journal.records) { place in
        place.refusal("the unfinished output was changed since it was written", remedy: RunJournal.restart)
      }
      return opened
    } catch {
      isDoubtful = error.code == .invalidInput || error.code == .usage
      throw error
    }
  }

  /// Begins the journal, once the names of all files are on the disk.
  private func begin(below root: String) throws(MimoError) {
    try FileSystem.syncDirectory(root)
    if root != path { try FileSystem.syncDirectory(path) }
    try FileSystem.syncDirectory(folder.path)
    try FileSystem.syncDirectory(FileSystem.split(folder.path).parent)
    journal = try RunJournal(
      beginning: folder.journal, identity, plan: conversion, resources: request.resources)
  }

  // MARK: The end

  /// The error with what becomes of the work.
  private func ended(_ error: MimoError) -> MimoError {
    guard (try? folder.hasResult()) ?? true else {
      // It is published already. A destination that was replaced and could not be removed is the user's to look at.
      if (try? folder.hasAside()) == false { try? folder.remove() }
      return error
    }
    if isDoubtful {
      folder.release()
      return error
    }
    guard let recorded = journal?.recordedBytes, recorded > 0, ResumableOutput.canGoOn(after: error) else {
      try? folder.remove()
      return error
    }
    folder.release()
    var error = error
    let remedy = ResumableOutput.isStop(error) ? nil : error.remedy.map { $0 + ". " }
    let condition = error.errno == EEXIST ? "then " : ""
    error.remedy = (remedy ?? "")
      + "\(recorded) of \(conversion.wholeBytes) bytes are done: \(condition)the same command \(request.restart ? "without --restart" : "again") goes on from there"
    return error
  }

  /// Whether the cause may be gone at the next try: not the bytes of the source, but the machine, the disk or the user.
  private static func canGoOn(after error: MimoError) -> Bool {
    switch error.code {
    case .system: true
    default: isStop(error) || error.errno == EEXIST
    }
  }

  private static func isStop(_ error: MimoError) -> Bool { Interruption.codes.contains(error.code) }
}
