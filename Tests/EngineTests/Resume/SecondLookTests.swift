import Glibc
import MimoSystem
import Testing

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

/// A source that is not what it was although its files have their sizes and times.
@Suite(.enabled(if: TinyConversion.hasPlugin, "libQwen3VL.so is not built"))
struct SecondLookTests {
  @Test(arguments: TinyConversion.Kind.allCases)
  func aChangeInPlaceThatKeepsTheTimesIsRefusedByFileAndByte(_ kind: TinyConversion.Kind) throws {
    let folder = try TemporaryFolder()
    let conversion = try Self.unproven(kind, in: folder.path)
    for path in try Self.victims(of: conversion) {
      let reads = try Self.reads(of: path, conversion)
      let size = try FileSystem.info(at: path).size
      var refusals = 0
      for byte in [size / 4, size / 2, size * 3 / 4, size - 3] {
        try conversion.clear()
        let failure = Self.run(conversion, behind: path, reads) { flip(path, at: byte) }
        defer { flip(path, at: byte) }
        let comment: Comment = "\(path), byte \(byte): \(String(describing: failure))"
        guard failure != nil else {
          // Nothing is made of this byte: padding, or a component that another folder gives.
          let result = try conversion.result(but: conversion.notes().first { $0.contains(" touched while it was read") })
          try conversion.clear()
          try conversion.run()
          #expect(try conversion.result() == result, comment)
          continue
        }
        #expect(try !FileSystem.exists(conversion.output), comment)
        #expect(failure?.code == .invalidInput && failure?.path == path, comment)
        #expect(failure?.message.hasPrefix("changed while it was read, though its size and time did not (bytes ") == true, comment)
        #expect(failure.map { $0.byte ?? .max <= byte } == true, comment)
        #expect(try !FileSystem.exists(conversion.workFolder), comment)
        refusals += 1
      }
      #expect(refusals > 0, "\(path)")
    }
  }

  /// Whatever was read before and whatever after the change: never a mixture.
  @Test(arguments: TinyConversion.Kind.allCases)
  func aChangeInTheMidstGivesTheOneStateOrNone(_ kind: TinyConversion.Kind) throws {
    let folder = try TemporaryFolder()
    let conversion = try Self.unproven(kind, in: folder.path)
    for path in try Self.victims(of: conversion) {
      let reads = try Self.reads(of: path, conversion)
      let size = try FileSystem.info(at: path).size
      let middle = (planned: reads.planned, all: (reads.planned + 1 + reads.all) / 2)
      for byte in [size / 3, size * 3 / 4] {
        try conversion.clear()
        let failure = Self.run(conversion, behind: path, middle) { flip(path, at: byte) }
        defer { flip(path, at: byte) }
        let comment: Comment = "\(path), byte \(byte): \(String(describing: failure))"
        guard failure == nil else {
          #expect(failure?.code == .invalidInput && failure?.path == path, comment)
          continue
        }
        let note = try #require(try conversion.notes().first { $0.contains(" touched while it was read") })
        let result = try conversion.result(but: note)
        try conversion.clear()
        try conversion.run()
        #expect(try conversion.result() == result, comment)
      }
    }
  }

  @Test(arguments: TinyConversion.Kind.allCases)
  func aFileThatIsOnlyTouchedIsReadAgainAndTheRunGoesOn(_ kind: TinyConversion.Kind) throws {
    let folder = try TemporaryFolder()
    let conversion = try Self.unproven(kind, in: folder.path)
    try conversion.run()
    let expected = try conversion.result()
    for path in try Self.victims(of: conversion) {
      let reads = try Self.reads(of: path, conversion)
      #expect(Self.run(conversion, behind: path, reads) { chmod(path, 0o640) } == nil)
      let note = try #require(try conversion.notes().first { $0.hasPrefix("\(path) was touched while it was read") })
      #expect(note.contains("bytes were read again and are the same") && !note.contains(": 0 bytes"), "\(note)")
      #expect(try conversion.result(but: note) == expected)
    }
  }

  @Test func aFileThatIsTouchedAgainAndAgainDoesNotKeepTheRunFromItsEnd() throws {
    let folder = try TemporaryFolder()
    let conversion = try TinyConversion(.importDist, in: folder.path)
    let path = try #require(try conversion.weightFiles().last)
    try FaultInjection.with({ call, read in
      if call == .pread || call == .stat, read == path { chmod(path, 0o640) }
      return nil
    }) { () throws(MimoError) in _ = try conversion.run() }
    #expect(try conversion.notes().contains { $0.hasSuffix("are the same; something touches it still") })
  }

  /// Between two runs.
  @Test(arguments: TinyConversion.Kind.allCases)
  func whatAFormerRunReadIsReadAgainWhereItWasTouched(_ kind: TinyConversion.Kind) throws {
    let folder = try TemporaryFolder()
    let conversion = try Self.unproven(kind, in: folder.path)
    try conversion.run()
    let expected = try conversion.result()
    try conversion.clear()
    _ = try ResumeTests.stop(conversion)
    let kept = FileSystem.join(conversion.root, "kept")
    try ResumeTests.copy(conversion.workFolder, to: kept)
    var refusals = 0
    for path in [try conversion.weightFiles().first, try conversion.donors().first].compactMap({ $0 }) {
      let size = try FileSystem.info(at: path).size
      for eighth in 1...7 as ClosedRange<UInt64> {
        try conversion.clear()
        try ResumeTests.copy(kept, to: conversion.workFolder)
        flip(path, at: size * eighth / 8)
        let failure = error { () throws(MimoError) in _ = try conversion.run() }
        defer { flip(path, at: size * eighth / 8) }
        let comment: Comment = "\(path), byte \(size * eighth / 8): \(String(describing: failure))"
        guard let failure else {
          // Nothing that was done was made of this byte.
          let result = try conversion.result(but: conversion.notes().first { $0.contains(" touched while it was read") })
          try conversion.clear()
          try conversion.run()
          #expect(try conversion.result() == result, comment)
          continue
        }
        #expect(failure.code == .invalidInput, comment)
        guard failure.message.hasPrefix("changed since the unfinished run read it, though its size and time did not (bytes ") else { continue }
        #expect(failure.path == path && failure.remedy == "--restart begins anew", comment)
        #expect(try FileSystem.exists(conversion.workFolder), "a refusal takes nothing away")
        refusals += 1
      }
    }
    #expect(refusals > 0)
    try conversion.clear()
    try ResumeTests.copy(kept, to: conversion.workFolder)
    #expect(try conversion.run().bytesResumed > 0, "bytes that are the same go on")
    let note = try #require(try conversion.notes().first { $0.contains(" touched while it was read") })
    #expect(try conversion.result(but: note) == expected)
  }

  /// Companions and all else that is read besides weights, by an import and by an export.
  @Test(arguments: [
    (TinyConversion.Kind.importDist, "config.json"), (.importRanks, "config.json"), (.export, "mimo_host/manifest.json"),
    (.export, "mimo_host/files/config.json"), (.reshard, "iter_0000000/common.pt"), (.reshard, "iter_0000000/.metadata"),
    (.reshardRanks, "layout.json"),
  ])
  func whatIsReadBesidesWeightsIsLookedAtAgain(_ kind: TinyConversion.Kind, _ name: String) throws {
    let folder = try TemporaryFolder()
    let conversion = try Self.unproven(kind, in: folder.path)
    let path = FileSystem.join(conversion.source, name)
    let reads = try Self.reads(of: path, conversion)
    #expect(reads.all > 0)
    let byte = try Self.harmlessByte(of: path)
    let weights = try #require(try Self.victims(of: conversion).first)
    let last = try Self.reads(of: weights, conversion)
    let failure = Self.run(conversion, behind: weights, last) { flip(path, at: byte) }
    flip(path, at: byte)
    #expect(failure?.code == .invalidInput && failure?.path == path, "\(String(describing: failure))")
    #expect(try !FileSystem.exists(conversion.output))
  }

  // MARK: -

  /// A conversion whose source's report is not looked at: its digests must not find the change first.
  private static func unproven(_ kind: TinyConversion.Kind, in folder: String) throws -> TinyConversion {
    var conversion = try TinyConversion(kind, in: folder)
    conversion.change = { $0.ignoresReport = true }
    return conversion
  }

  /// A byte in the midst of a file; of JSON the first of a word, so that it can still be parsed.
  private static func harmlessByte(of path: String) throws -> UInt64 {
    let bytes = try FileSystem.readSmallFile(path)
    let middle = bytes.count / 2
    guard path.hasSuffix(".json") else { return UInt64(middle) }
    let quote = UInt8(ascii: "\"")
    return UInt64(
      try #require((1..<bytes.count).last { bytes[$0 - 1] == quote && (UInt8(ascii: "a")...UInt8(ascii: "z")) ~= bytes[$0] }))
  }

  /// The last file of the source, and of the donor where there is one.
  private static func victims(of conversion: TinyConversion) throws -> [String] {
    try [conversion.weightFiles(), conversion.donors()].compactMap { files in
      try files.last { try reads(of: $0, conversion).all > reads(of: $0, conversion).planned }
    }
  }

  /// Reads of a file before the work folder is made, and in all.
  private static func reads(of path: String, _ conversion: TinyConversion) throws -> (planned: Int, all: Int) {
    try conversion.clear()
    let calls = try FaultTests.record(conversion)
    try conversion.clear()
    let start = try #require(calls.firstIndex { $0.hasPrefix("mkdir /.out.mimo-host-work") })
    let call = "pread \(path.dropFirst(conversion.root.count))"
    return (calls[..<start].count { $0 == call }, calls.count { $0 == call })
  }

  /// A run in which `change` happens once, right behind the last of `reads` of a file.
  private static func run(
    _ conversion: TinyConversion, behind path: String, _ reads: (planned: Int, all: Int),
    _ change: @escaping @Sendable () -> Void
  ) -> MimoError? {
    let counter = Counter()
    let root = conversion.root
    return error { () throws(MimoError) in
      try FaultInjection.with({ call, read in
        guard read.hasPrefix(root) else { return nil }
        if counter.total == reads.all {
          counter.add(1)
          change()
        } else if counter.total < reads.all, call == .pread, read == path {
          counter.add(1)
        }
        return nil
      }) { () throws(MimoError) in _ = try conversion.run() }
    }
  }
}

/// Flips a bit in place, and puts the times back.
private func flip(_ path: String, at byte: UInt64) {
  var before = stat()
  stat(path, &before)
  let file = open(path, O_RDWR)
  var value: UInt8 = 0
  pread(file, &value, 1, off_t(byte))
  value ^= 0x40
  pwrite(file, &value, 1, off_t(byte))
  futimens(file, [before.st_atim, before.st_mtim])
  close(file)
}
