import Glibc
import MimoSystem
import MimoTensor
import Testing

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

/// A run that failed, and what the next one makes of its work.
@Suite(.enabled(if: TinyConversion.hasPlugin, "libQwen3VL.so is not built"))
struct ResumeTests {
  /// Fails the last write to the weights, so that most units are recorded.
  static func stop(_ conversion: TinyConversion) throws -> MimoError {
    let writes = try FaultTests.record(conversion).count { $0.hasPrefix("pwrite") && isWeight($0) }
    try conversion.clear()
    let counter = Counter()
    let root = conversion.root
    let failure = error { () throws(MimoError) in
      try FaultInjection.with({ call, path in
        guard call == .pwrite, path.hasPrefix(root), isWeight(path) else { return nil }
        counter.add(1)
        return counter.total == writes / 2 ? .failure(ENOSPC) : nil
      }) { () throws(MimoError) in _ = try conversion.run() }
    }
    return try #require(failure)
  }

  static func isWeight(_ path: String) -> Bool { path.hasSuffix(".safetensors") || path.hasSuffix(".distcp") }

  @Test(arguments: TinyConversion.Kind.allCases)
  func theSameRunGoesOnAndMovesNoUnitTwice(_ kind: TinyConversion.Kind) throws {
    let folder = try TemporaryFolder()
    let conversion = try TinyConversion(kind, in: folder.path)
    let undisturbed = try conversion.run()
    #expect(undisturbed.bytesResumed == 0)
    let expected = try conversion.result()
    try conversion.clear()
    let failure = try Self.stop(conversion)
    #expect(failure.errno == ENOSPC)
    #expect(failure.remedy?.contains("the same command again goes on") == true)
    let resumed = try conversion.run()
    #expect(resumed.bytesResumed > 0)
    #expect(failure.remedy?.contains("\(resumed.bytesResumed) of ") == true)
    #expect(resumed.bytesRead == undisturbed.bytesRead && resumed.bytesWritten == undisturbed.bytesWritten)
    #expect(try conversion.result() == expected)
    #expect(try !FileSystem.exists(conversion.workFolder))
  }

  @Test func anotherRunIsRefusedAndSaysWhatDiffers() throws {
    let folder = try TemporaryFolder()
    var conversion = try TinyConversion(.importDist, in: folder.path)
    _ = try Self.stop(conversion)
    conversion.change = { $0.dtype = .f32 }
    let refusal = error { () throws(MimoError) in _ = try conversion.run() }
    #expect(refusal?.code == .usage)
    #expect(refusal?.description.contains("--dtype was as the config says, is F32") == true, "\(refusal!)")
    #expect(refusal?.description.contains("--restart") == true)
    conversion.change = { _ in }
    #expect(try conversion.run().bytesResumed > 0, "a refusal takes nothing away")
  }

  @Test func aChangedSourceIsRefusedByName() throws {
    let folder = try TemporaryFolder()
    let conversion = try TinyConversion(.importDist, in: folder.path)
    _ = try Self.stop(conversion)
    let victim = try #require(try conversion.weightFiles().first)
    utimensat(AT_FDCWD, victim, [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)], 0)
    let refusal = error { () throws(MimoError) in _ = try conversion.run() }
    #expect(refusal?.code == .usage)
    #expect(refusal?.description.contains("file \(victim) was ") == true)
  }

  @Test func restartBeginsAnew() throws {
    let folder = try TemporaryFolder()
    var conversion = try TinyConversion(.importDist, in: folder.path)
    try conversion.run()
    let expected = try conversion.result()
    try conversion.clear()
    _ = try Self.stop(conversion)
    conversion.change = { $0.restart = true }
    #expect(try conversion.run().bytesResumed == 0)
    #expect(try conversion.result() == expected)
  }

  @Test func otherWorkersGoOnWithTheSameWindows() throws {
    let folder = try TemporaryFolder()
    var conversion = try TinyConversion(.importDist, in: folder.path)
    try conversion.run()
    let expected = try conversion.result()
    try conversion.clear()
    _ = try Self.stop(conversion)
    conversion.change = { $0.resources = Resources(jobs: 3, memory: 32 << 20) }
    #expect(try conversion.run().bytesResumed > 0)
    #expect(try conversion.result() == expected)
  }

  @Test func twoRunsDoNotShareAWorkFolder() throws {
    let folder = try TemporaryFolder()
    let conversion = try TinyConversion(.importDist, in: folder.path)
    let first = try WorkFolder(for: conversion.output)
    let refusal = error { () throws(MimoError) in _ = try conversion.run() }
    #expect(refusal?.description.contains("another mimo-host is at work here") == true)
    #expect(try FileSystem.exists(first.path))
  }

  @Test func aRunWithNothingToGoOnWithLeavesNothing() throws {
    let folder = try TemporaryFolder()
    let conversion = try TinyConversion(.importDist, in: folder.path)
    let root = conversion.root
    let failure = error { () throws(MimoError) in
      try FaultInjection.with({ $0 == .pwrite && $1.hasPrefix(root) && $1.hasSuffix(".distcp") ? .failure(EIO) : nil }) {
        () throws(MimoError) in _ = try conversion.run()
      }
    }
    #expect(failure?.errno == EIO)
    #expect(try FileSystem.list(root) == ["hf"])
  }

  /// Any end of the journal, and any bit of it: never a wrong result.
  @Test(arguments: TinyConversion.Kind.allCases)
  func aTornOrDamagedJournalIsCutOrRefused(_ kind: TinyConversion.Kind) throws {
    let folder = try TemporaryFolder()
    let conversion = try TinyConversion(kind, in: folder.path)
    try conversion.run()
    let expected = try conversion.result()
    try conversion.clear()
    _ = try Self.stop(conversion)
    let path = FileSystem.join(conversion.workFolder, "journal")
    let journal = try FileSystem.readSmallFile(path)
    let kept = FileSystem.join(conversion.root, "kept")
    try Self.copy(conversion.workFolder, to: kept)
    let step = max(1, journal.count / (FaultTests.isFull ? 400 : 12))
    for position in Array(stride(from: 0, to: journal.count, by: step)) + [journal.count - 1] {
      for isCut in [true, false] {
        try conversion.clear()
        try Self.copy(kept, to: conversion.workFolder)
        var damaged = journal
        if isCut { damaged.removeSubrange(position...) } else { damaged[position] ^= 0x10 }
        try FileSystem.removeTree(path)
        try FileSystem.writeSmallFile(path, damaged)
        let refusal = error { () throws(MimoError) in _ = try conversion.run() }
        let place: Comment = "\(isCut ? "cut" : "changed") at \(position) of \(journal.count)"
        if let refusal {
          #expect(!isCut && position < 12 && refusal.code == .invalidInput, "\(place): \(refusal)")
        } else {
          #expect(try conversion.result() == expected, place)
        }
      }
    }
  }

  /// Records with a right checksum that say what can not be.
  @Test(arguments: Forgery.allCases) func aForgedRecordIsRefusedAndRestartHelps(_ forgery: Forgery) throws {
    let folder = try TemporaryFolder()
    var conversion = try TinyConversion(.importDist, in: folder.path)
    try conversion.run()
    let expected = try conversion.result()
    try conversion.clear()
    _ = try Self.stop(conversion)
    do {
      let file = try File.openForUpdating(FileSystem.join(conversion.workFolder, "journal"))
      var last: [UInt8] = []
      guard var journal = try JournalFile(continuing: file, { _, record in last = record }) else {
        Issue.record("nothing was recorded")
        return
      }
      try journal.append([forgery.applied(to: last)])
    }
    let refusal = error { () throws(MimoError) in _ = try conversion.run() }
    #expect(refusal?.code == .invalidInput && refusal?.remedy == "--restart begins anew", "\(String(describing: refusal))")
    conversion.change = { $0.restart = true }
    try conversion.run()
    #expect(try conversion.result() == expected)
  }

  enum Forgery: Sendable, CaseIterable {
    case unitTwice, noSuchTensor, negativeTensor, otherWindow, noSuchChunk, tooManyElements, tooManyLost, cutShort, empty

    func applied(to record: [UInt8]) -> [UInt8] {
      var record = record
      func put(_ number: Int64, at word: Int) {
        withUnsafeBytes(of: number.littleEndian) { record.replaceSubrange(word * 8..<word * 8 + 8, with: $0) }
      }
      switch self {
      case .unitTwice: break
      case .noSuchTensor: put(1 << 40, at: 0)
      case .negativeTensor: put(-1, at: 0)
      case .otherWindow: put(1, at: 1)
      case .tooManyLost: put(1 << 50, at: 6)
      case .noSuchChunk: put(1 << 50, at: 9)
      case .tooManyElements: put(.max, at: 10)
      case .cutShort: record.removeLast()
      case .empty: record = []
      }
      return record
    }
  }

  static func copy(_ folder: String, to target: String) throws {
    try FileSystem.createDirectory(target)
    for name in try FileSystem.list(folder) {
      let (from, to) = (FileSystem.join(folder, name), FileSystem.join(target, name))
      if try FileSystem.isDirectory(from) { try copy(from, to: to) } else { try FileSystem.copyFile(from, to: to) }
    }
  }
}
