import Glibc
import MimoSystem
import Testing

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

/// What a former run wrote and its journal calls done is not what lies there now.
@Suite(.enabled(if: TinyConversion.hasPlugin, "libQwen3VL.so is not built"))
struct UnfinishedOutputTests {
  /// A bit of a recorded unit is refused, any other bit is written anew: heads, frames, rows that pad a vocabulary.
  @Test(arguments: TinyConversion.Kind.allCases)
  func aFlippedBitNeverReachesOUT(_ kind: TinyConversion.Kind) throws {
    let folder = try TemporaryFolder()
    var conversion = try TinyConversion(kind, in: folder.path)
    try conversion.run()
    let expected = try conversion.result()
    try conversion.clear()
    _ = try ResumeTests.stop(conversion)
    let kept = FileSystem.join(conversion.root, "kept")
    try ResumeTests.copy(conversion.workFolder, to: kept)
    let flips = try Self.places(below: FileSystem.join(conversion.workFolder, "out"), count: FaultTests.isFull ? 400 : 6)
    var refusals = 0
    for flip in flips {
      try conversion.clear()
      try ResumeTests.copy(kept, to: conversion.workFolder)
      try Self.flip(flip)
      let refusal = error { () throws(MimoError) in _ = try conversion.run() }
      let place: Comment = "\(flip.path), byte \(flip.byte)"
      guard let refusal else {
        #expect(try conversion.result() == expected, place)
        continue
      }
      refusals += 1
      #expect(refusal.code == .invalidInput && refusal.path == flip.path, "\(place): \(refusal)")
      #expect(refusal.message.hasPrefix("the unfinished output was changed since it was written (bytes "), place)
      #expect(refusal.remedy == "--restart begins anew" && refusal.tensor != nil, place)
      #expect(try #require(refusal.byte) <= flip.byte, "\(place): \(refusal)")
      #expect(try #require(Self.lastByte(refusal)) >= flip.byte, "\(place): \(refusal)")
      #expect(try !FileSystem.exists(conversion.output), place)
      // Nothing is removed: put right, the work goes on.
      try Self.flip(flip)
      #expect(try conversion.run().bytesResumed > 0, place)
      #expect(try conversion.result() == expected, place)
    }
    #expect(refusals > 0 && refusals < flips.count)
    try conversion.clear()
    try ResumeTests.copy(kept, to: conversion.workFolder)
    for flip in flips { try Self.flip(flip) }
    conversion.change = { $0.restart = true }
    #expect(try conversion.run().bytesResumed == 0)
    #expect(try conversion.result() == expected)
  }

  @Test func anOUTThatIsTakenMeanwhileIsLeftAloneAndTheWorkIsKept() throws {
    let folder = try TemporaryFolder()
    let conversion = try TinyConversion(.importDist, in: folder.path)
    let output = conversion.output
    let refusal = error { () throws(MimoError) in
      try FaultInjection.with({ call, path in
        if call == .rename, path == output { mkdir(path, 0o700) }
        return nil
      }) { () throws(MimoError) in _ = try conversion.run() }
    }
    let remedy = try #require(refusal?.remedy)
    #expect(refusal?.errno == EEXIST && remedy.hasPrefix("Move it away. "), "\(remedy)")
    #expect(remedy.hasSuffix(" bytes are done: then the same command again goes on from there"), "\(remedy)")
    #expect(error { () throws(MimoError) in _ = try conversion.run() }?.errno == EEXIST)
    #expect(rmdir(output) == 0)
    #expect(try conversion.run().bytesResumed > 0)
  }

  @Test(arguments: [TinyConversion.Kind.importDist, .export, .reshard])
  func aDiskThatFailsDuringTheProofCostsNothing(_ kind: TinyConversion.Kind) throws {
    let folder = try TemporaryFolder()
    let conversion = try TinyConversion(kind, in: folder.path)
    try conversion.run()
    let expected = try conversion.result()
    try conversion.clear()
    _ = try ResumeTests.stop(conversion)
    let result = FileSystem.join(conversion.workFolder, "out/")
    let failure = error { () throws(MimoError) in
      try FaultInjection.with({ call, path in
        call == .pread && path.hasPrefix(result) ? .failure(EIO) : nil
      }) { () throws(MimoError) in _ = try conversion.run() }
    }
    #expect(failure?.errno == EIO)
    #expect(failure?.remedy?.contains("the same command again goes on") == true)
    #expect(try conversion.run().bytesResumed > 0)
    #expect(try conversion.result() == expected)
  }

  @Test func workOfAnOlderHostIsNotContinued() throws {
    let folder = try TemporaryFolder()
    var conversion = try TinyConversion(.importDist, in: folder.path)
    try conversion.run()
    let expected = try conversion.result()
    try conversion.clear()
    _ = try ResumeTests.stop(conversion)
    do {
      let journal = try File.openForUpdating(FileSystem.join(conversion.workFolder, "journal"))
      try journal.write([1, 0, 0, 0], at: UInt64(JournalFile.magic.count))
    }
    let refusal = error { () throws(MimoError) in _ = try conversion.run() }
    #expect(refusal?.code == .invalidInput)
    #expect(refusal?.message.hasPrefix("was begun by another version of mimo-host") == true, "\(String(describing: refusal))")
    #expect(refusal?.remedy == "--restart begins anew")
    conversion.change = { $0.restart = true }
    try conversion.run()
    #expect(try conversion.result() == expected)
  }

  // MARK: -

  private struct Flip {
    let path: String
    let byte: UInt64
  }

  /// Bytes spread over all files of weights, their first and last among them.
  private static func places(below folder: String, count: Int) throws -> [Flip] {
    var places: [Flip] = []
    for name in try FileSystem.list(folder) {
      let path = FileSystem.join(folder, name)
      if try FileSystem.isDirectory(path) {
        places += try Self.places(below: path, count: count)
      } else if ResumeTests.isWeight(name) {
        let last = try FileSystem.info(at: path).size - 1
        places += (0...UInt64(count)).map { Flip(path: path, byte: last * $0 / UInt64(count)) }
      }
    }
    return places
  }

  private static func flip(_ flip: Flip) throws {
    let file = try File.openForUpdating(flip.path)
    var byte: UInt8 = 0
    try withUnsafeMutableBytes(of: &byte) { buffer in
      capture { () throws(MimoError) in try file.read(into: buffer, at: flip.byte) }
    }.get()
    try file.write([byte ^ 0x40], at: flip.byte)
  }

  /// "... (bytes 16 to 31)" -> 31.
  private static func lastByte(_ refusal: MimoError) -> UInt64? {
    UInt64(refusal.message.split(separator: " ").last?.dropLast() ?? "")
  }
}
