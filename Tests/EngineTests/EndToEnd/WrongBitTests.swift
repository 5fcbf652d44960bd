import Glibc
import MimoPluginHost
import MimoSystem
import Testing

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

/// One wrong bit at each step between the source's disk and OUT's disk, and who catches it: the table of docs/trust.md.
@Suite(.enabled(if: TinyConversion.hasPlugin, "libQwen3VL.so is not built"))
struct WrongBitTests {
  /// Who says first that something is wrong.
  enum Catcher: String {
    /// The run itself: one error, no OUT.
    case run
    /// `verify OUT`, against its own report.
    case verifyOut
    /// `verify SOURCE OUT` alone: OUT agrees with its report.
    case verifyBoth
  }

  static let table: [(kind: TinyConversion.Kind, step: BitFlip.Step, catcher: Catcher)] = [
    // Nobody knows what safetensors of somebody else should hold.
    (.importDist, .read, .verifyBoth), (.importRanks, .read, .verifyBoth), (.importFSDP, .read, .verifyBoth),
    (.export, .read, .run), (.reshard, .read, .run),
    // Memory between two digests.
    (.importDist, .window, .verifyBoth), (.importRanks, .window, .verifyBoth), (.export, .window, .verifyBoth),
    (.reshard, .window, .verifyBoth), (.importDist, .converted, .verifyBoth), (.importFSDP, .converted, .verifyBoth),
    (.reshard, .converted, .verifyBoth),
    // Behind the digest of what is written.
    (.importDist, .write, .verifyOut), (.importRanks, .write, .verifyOut), (.importFSDP, .write, .verifyOut),
    (.export, .write, .verifyOut), (.reshard, .write, .verifyOut),
  ]

  @Test(arguments: table.indices)
  func aWrongBitIsCaughtWhereTheTableSays(_ row: Int) throws {
    let (kind, step, catcher) = Self.table[row]
    let folder = try TemporaryFolder()
    let conversion = try TinyConversion(kind, in: folder.path)
    if kind == .importDist || kind == .importRanks || kind == .importFSDP {
      // As a folder of somebody else, who wrote no report.
      try FileSystem.removeTree(FileSystem.join(conversion.source, ReportFile.name))
    }
    let failure = try flipping(step, in: conversion)
    #expect(try caught(failure, conversion) == catcher, "\(failure?.description ?? "no error")")
  }

  @Test(arguments: [TinyConversion.Kind.importDist, .importRanks, .importFSDP, .export, .reshard])
  func aBitThatRotsOnTheDiskIsFoundByVerify(_ kind: TinyConversion.Kind) throws {
    let folder = try TemporaryFolder()
    let conversion = try TinyConversion(kind, in: folder.path)
    try conversion.run()
    #expect(try verify(conversion.output, nil))
    let path = try #require(try weightFiles(conversion.output).last)
    let file = try File.openForUpdating(path)
    try flip(file, at: try file.size() * 2 / 3)
    #expect(try !verify(conversion.output, nil))
  }

  @Test func aBitThatRotsInTheJournalCostsWorkAndNoBytes() throws {
    let folder = try TemporaryFolder()
    let conversion = try TinyConversion(.importDist, in: folder.path)
    try conversion.run()
    let expected = try conversion.result()
    try conversion.clear()
    let writes = Counter()
    let work = conversion.workFolder
    let stopped = error { () throws(MimoError) in
      try FaultInjection.with({ call, path in
        guard call == .pwrite, path.hasPrefix(work), path.hasSuffix(".distcp") else { return nil }
        writes.add(1)
        return writes.total > 30 ? .failure(ENOSPC) : nil
      }) { () throws(MimoError) in _ = try conversion.run() }
    }
    try #require(stopped?.remedy?.contains("goes on from there") == true)
    let journal = try File.openForUpdating(FileSystem.join(work, "journal"))
    try flip(journal, at: try journal.size() - 20)
    try conversion.run()
    #expect(try conversion.result() == expected)
  }

  @Test func aBitThatRotsInTheReportIsFoundByVerify() throws {
    let folder = try TemporaryFolder()
    let conversion = try TinyConversion(.importDist, in: folder.path)
    try conversion.run()
    let file = try File.openForUpdating(FileSystem.join(conversion.output, ReportFile.name))
    try flip(file, at: try file.size() / 2)
    let failure = error { () throws(MimoError) in _ = try compare(conversion.output, nil) }
    #expect(failure?.code == .invalidInput && failure?.path == file.path)
  }

  // MARK: -

  /// Runs the conversion with one bit turned at a step of a weight; the error that it ended in.
  private func flipping(_ step: BitFlip.Step, in conversion: TinyConversion) throws -> MimoError? {
    let total = Counter()
    #expect(try passing(step, of: conversion) { _ in total.add(1) } == nil)
    try #require(total.total > 0, "no byte came by")
    try conversion.clear()
    // What is read first is heads and frames; what is written last is frames.
    let chosen = step == .read ? total.total : 1
    let number = Counter()
    return try passing(step, of: conversion) { bytes in
      number.add(1)
      // A bit of a mantissa: the value stays a number, and no kernel rounds it away.
      if number.total == chosen { bytes[bytes.count / 2 & ~1] ^= 0x40 }
    }
  }

  /// Runs the conversion and shows `body` all bytes of weights that pass a step.
  private func passing(
    _ step: BitFlip.Step, of conversion: TinyConversion,
    _ body: @escaping @Sendable (UnsafeMutableRawBufferPointer) -> Void
  ) throws -> MimoError? {
    let (root, work) = (conversion.root, conversion.workFolder)
    return error { () throws(MimoError) in
      try BitFlip.with({ reached, path, position, bytes in
        guard reached == step, Self.isWeight(step, path, position, root: root, work: work), bytes.count >= 64 else { return }
        body(bytes)
      }) { () throws(MimoError) in _ = try conversion.run() }
    }
  }

  /// Whether these bytes are of a weight, and no head or frame.
  private static func isWeight(
    _ step: BitFlip.Step, _ path: String, _ position: UInt64, root: String, work: String
  ) -> Bool {
    switch step {
    case .window, .converted: path.hasPrefix(root)
    case .read: path.hasPrefix(root) && !path.hasPrefix(work) && isWeightFile(path) && position > 60_000
    case .write: path.hasPrefix(work) && isWeightFile(path) && position > 60_000
    }
  }

  private static func isWeightFile(_ path: String) -> Bool { path.hasSuffix(".safetensors") || path.hasSuffix(".distcp") }

  private func caught(_ failure: MimoError?, _ conversion: TinyConversion) throws -> Catcher? {
    guard failure == nil else {
      #expect(failure?.code == .invalidInput)
      #expect(try !FileSystem.exists(conversion.output))
      return .run
    }
    guard try verify(conversion.output, nil) else { return .verifyOut }
    return try verify(conversion.source, conversion.output) ? nil : .verifyBoth
  }

  private func verify(_ first: String, _ second: String?) throws -> Bool { try compare(first, second).isSame }

  private func compare(_ first: String, _ second: String?) throws(MimoError) -> VerifyReport {
    let request = VerifyRequest(
      first: first, second: second, configFolder: nil, resources: Resources(jobs: 1, memory: 8 << 20))
    return try VerifyPlan(request, plugin: try PluginLibrary(path: TinyConversion.plugin)).run { _, _ in }
  }

  private func weightFiles(_ folder: String) throws -> [String] {
    let inside = FileSystem.join(folder, "iter_0000000")
    let place = try FileSystem.isDirectory(inside) ? inside : folder
    return try FileSystem.list(place).filter(Self.isWeightFile).map { FileSystem.join(place, $0) }
  }

  private func flip(_ file: File, at position: UInt64) throws {
    var byte: [UInt8] = [0]
    try byte.withUnsafeMutableBytes { buffer in
      capture { () throws(MimoError) in try file.read(into: buffer, at: position) }
    }.get()
    byte[0] ^= 0x40
    try file.write(byte, at: position)
  }
}
