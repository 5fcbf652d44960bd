import Foundation
import Glibc
import MimoSystem
import Synchronization
import Testing

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

/// One system call fails, at each of a conversion's calls in turn: the run ends in one clear error or a right result,
/// OUT is whole or not there, and the same command then makes it.
///
/// The short form takes the first call of each kind on files of each sort with EIO and the last with ENOSPC; MIMO_FAULTS=full
/// takes every call with both and prints how many.
@Suite(.enabled(if: TinyConversion.hasPlugin, "libQwen3VL.so is not built"))
struct FaultTests {
  static let isFull = ProcessInfo.processInfo.environment["MIMO_FAULTS"] == "full"

  @Test(.timeLimit(.minutes(30)), arguments: TinyConversion.Kind.allCases, [EIO, ENOSPC])
  func whicheverCallFailsOutIsWholeOrAbsentAndTheNextRunMakesIt(_ kind: TinyConversion.Kind, _ code: Int32) throws {
    let folder = try TemporaryFolder()
    let conversion = try TinyConversion(kind, in: folder.path)
    // A plan asks the plugin in a process of its own, which takes far longer than the rest: it is made anew only where one of
    // its own calls fails.
    let planned = try Self.record(conversion) { () throws(MimoError) in _ = try conversion.prepared() }
    let carry = try conversion.prepared()
    let calls = try planned + Self.record(conversion) { () throws(MimoError) in _ = try carry() }
    let expected = try conversion.result()
    var failures = 0
    for number in Self.chosen(calls, code) {
      try conversion.clear()
      let failure = Self.failure(of: conversion, atCall: number, planned.count, code, carry)
      let place: Comment = "call \(number) of \(calls.count): \(calls[number - 1])"
      if let failure {
        failures += 1
        #expect(!failure.message.isEmpty && !failure.description.contains("\n"), place)
        #expect(failure.code != .internalError, "\(place): \(failure)")
      }
      if try FileSystem.exists(conversion.output) {
        #expect(try conversion.result() == expected, place)
      } else {
        #expect(failure != nil, place)
        _ = try carry()
        #expect(try conversion.result() == expected, place)
        #expect(try !FileSystem.exists(conversion.workFolder), place)
      }
    }
    #expect(failures > 10)
    if Self.isFull { print("\(kind), errno \(code): \(calls.count) calls, \(failures) of them fatal to the run") }
  }

  @Test(arguments: TinyConversion.Kind.allCases, [1, 1000])
  func shortTransfersChangeNothing(_ kind: TinyConversion.Kind, _ limit: Int) throws {
    // Byte by byte only what is small.
    let isTransfer: @Sendable (SystemCall, String) -> Bool = { call, path in
      call == .pwrite || (call == .pread && (limit > 1 || !path.hasSuffix(".safetensors")))
    }
    try Self.expectUndisturbed(kind) { call, path in
      guard isTransfer(call, path), limit > 1 || !path.contains("tensors") && !path.contains("distcp") else { return nil }
      return .short(limit)
    }
  }

  @Test(arguments: TinyConversion.Kind.allCases)
  func interruptedCallsAreMadeAgain(_ kind: TinyConversion.Kind) throws {
    let counter = Counter()
    try Self.expectUndisturbed(kind) { _, _ in
      counter.add(1)
      return counter.total % 2 == 0 ? .failure(EINTR) : nil
    }
  }

  // MARK: -

  /// Runs a conversion of which one call fails, counted from the plan's first; `carry` runs a plan that stands already.
  private static func failure(
    of conversion: TinyConversion, atCall number: Int, _ planned: Int, _ code: Int32, _ carry: TinyConversion.Carrying
  ) -> MimoError? {
    let isOfThePlan = number <= planned
    let position = isOfThePlan ? number : number - planned
    let counter = Counter()
    let root = conversion.root
    return error { () throws(MimoError) in
      try FaultInjection.with({ _, path in
        guard path.hasPrefix(root) else { return nil }
        counter.add(1)
        return counter.total == position ? .failure(code) : nil
      }) { () throws(MimoError) in _ = try isOfThePlan ? conversion.run() : carry() }
    }
  }

  private static func expectUndisturbed(
    _ kind: TinyConversion.Kind, _ fault: @escaping FaultInjection.Handler
  ) throws {
    let folder = try TemporaryFolder()
    let conversion = try TinyConversion(kind, in: folder.path)
    try conversion.run()
    let expected = try conversion.result()
    try conversion.clear()
    let root = conversion.root
    try FaultInjection.with({ call, path in path.hasPrefix(root) ? fault(call, path) : nil }) {
      () throws(MimoError) in _ = try conversion.run()
    }
    #expect(try conversion.result() == expected)
  }

  /// The calls below a conversion's folder that its plan and its run make.
  static func record(_ conversion: TinyConversion) throws -> [String] {
    try record(conversion) { () throws(MimoError) in try conversion.run() }
  }

  /// The calls below a conversion's folder that a command makes.
  private static func record(
    _ conversion: TinyConversion, _ command: () throws(MimoError) -> Void
  ) throws -> [String] {
    let calls = Calls()
    let root = conversion.root
    try FaultInjection.with({ call, path in
      if path.hasPrefix(root) { calls.add("\(call.rawValue) \(path.dropFirst(root.count))") }
      return nil
    }, command)
    return calls.all
  }

  /// Numbers of calls, from 1: in the short form EIO takes the first of each kind, any other code the last.
  private static func chosen(_ calls: [String], _ code: Int32) -> [Int] {
    if isFull { return Array(1...calls.count) }
    var first: [String: Int] = [:]
    var last: [String: Int] = [:]
    for (index, name) in calls.enumerated() {
      // Ranks and shards differ in their numbers alone.
      let call = name.filter { !$0.isNumber }
      if first[call] == nil { first[call] = index + 1 }
      last[call] = index + 1
    }
    return (code == EIO ? first : last).values.sorted()
  }

  private final class Calls: Sendable {
    private let names = Mutex<[String]>([])
    func add(_ name: String) { names.withLock { $0.append(name) } }
    var all: [String] { names.withLock { $0 } }
  }
}

/// The source is not the same at the end as at the beginning.
@Suite(.enabled(if: TinyConversion.hasPlugin, "libQwen3VL.so is not built"))
struct ChangingSourceTests {
  enum Change: String, Sendable, CaseIterable {
    case shrinks, grows, isWritten, isReplaced
  }

  /// - Parameter moment: which of the reads of the weights the change precedes, in percent of all.
  @Test(arguments: Change.allCases, [0, 50, 99])
  func aSourceThatChangesWhileItIsReadIsRefusedByName(_ change: Change, _ moment: Int) throws {
    for kind in TinyConversion.Kind.allCases {
      let folder = try TemporaryFolder()
      let conversion = try TinyConversion(kind, in: folder.path)
      for place in try Self.places(in: conversion) { try Self.expectRefusal(conversion, change, at: place, moment) }
      #expect(try conversion.donors().isEmpty || Self.places(in: conversion).count == 2)
    }
  }

  private static func expectRefusal(
    _ conversion: TinyConversion, _ change: Change, at place: Place, _ moment: Int
  ) throws {
    try conversion.clear()
    let saved = try FileSystem.readSmallFile(place.path)
    defer { try? Data(saved).write(to: URL(filePath: place.path)) }
    // Reads while the output is made: those of the plan see one state only.
    let at = place.planned + 1 + (place.reads - place.planned - 1) * moment / 100
    let counter = Counter()
    let failure = error { () throws(MimoError) in
      try FaultInjection.with({ call, path in
        guard call == .pread, path == place.path else { return nil }
        counter.add(1)
        if counter.total == at { apply(change, to: place.path) }
        return nil
      }) { () throws(MimoError) in _ = try conversion.run() }
    }
    let comment: Comment = "\(conversion.kind), \(place.path), read \(at) of \(place.reads)"
    #expect(failure?.code == .invalidInput, "\(comment): \(String(describing: failure))")
    #expect(failure?.path == place.path, comment)
    #expect(try !FileSystem.exists(conversion.output), comment)
    #expect(try !FileSystem.exists(conversion.workFolder), "\(comment): nothing to go on with")
  }

  /// A file that a run reads weights from.
  private struct Place {
    let path: String
    /// Reads of it before the work folder is made, and in all.
    let planned, reads: Int
  }

  /// The last file of the source, and of the donor where there is one, that is read while the output is made.
  private static func places(in conversion: TinyConversion) throws -> [Place] {
    try conversion.clear()
    let calls = try FaultTests.record(conversion)
    let start = try #require(calls.firstIndex { $0.hasPrefix("mkdir /.out.mimo-host-work") })
    return try [conversion.weightFiles(), conversion.donors()].compactMap { files in
      files.map { path in
        let call = "pread \(path.dropFirst(conversion.root.count))"
        return Place(path: path, planned: calls[..<start].count { $0 == call }, reads: calls.count { $0 == call })
      }.last { $0.reads > $0.planned }
    }
  }

  private static func apply(_ change: Change, to path: String) {
    switch change {
    case .shrinks: truncate(path, 4000)
    case .grows:
      let file = open(path, O_WRONLY | O_APPEND)
      write(file, "x", 1)
      close(file)
    case .isWritten:
      let file = open(path, O_RDWR)
      pwrite(file, "x", 1, 3000)
      close(file)
    case .isReplaced:
      try? FileManager.default.copyItem(atPath: path, toPath: path + ".new")
      rename(path + ".new", path)
    }
  }
}
