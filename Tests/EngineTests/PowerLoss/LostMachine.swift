import Glibc
import MimoSystem
import Synchronization

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

/// A command whose machine is lost at any of its calls, and what the same command makes of what is left.
struct LostMachine: Sendable {
  /// What lies there before the command, and which commands are run.
  enum Story: String, Sendable, CaseIterable {
    /// Nothing; one run to its end.
    case first
    /// Nothing; a run that a full disk stops, and the same command again.
    case stopped
    /// Another OUT, which `--overwrite` replaces.
    case overwriting
    /// A run that was stopped, which `--restart` forgets; what is run again has no `--restart`.
    case restarting
  }

  let story: Story
  let conversion: TinyConversion
  /// OUT as the command makes it, and the one that it replaces.
  let expected, former: Output
  /// What was there, and all that changed.
  let start: ModelDisk
  let log: [StorageChange]
  /// After so many changes: bytes of whole tensors that were recorded, which the next run must not move again.
  private(set) var recorded: [Int] = []
  private let untouched: Set<String>
  /// What is run again.
  private let command: TinyConversion.Carrying

  init(_ kind: TinyConversion.Kind, _ story: Story, jobs: Int = 1, in root: String) throws {
    self.story = story
    var conversion = try TinyConversion(kind, in: root)
    untouched = Set(try FileSystem.list(root))
    func prepared(_ change: @escaping @Sendable (inout ConversionRequest) -> Void) throws(MimoError) -> TinyConversion.Carrying {
      conversion.change = { request in
        request.resources = Resources(jobs: jobs, memory: jobs * (8 << 20))
        request.resources.batch.bytes = 24 << 10
        request.resources.batch.bytesPerFile = 0
        request.overwrite = story == .overwriting
        change(&request)
      }
      return try conversion.prepared()
    }
    let restarting = story == .restarting ? try prepared { $0.restart = true } : nil
    let other = story == .overwriting ? try prepared { $0.dtype = .f32 } : nil
    let command = try prepared { _ in }
    self.command = command
    self.conversion = conversion
    let undisturbed = try LostMachine.record(root, command)
    let half = undisturbed.count { if case .write = $0 { true } else { false } } / 2
    expected = try Output(of: conversion)
    try conversion.clear()
    if let other { _ = try other() }
    former = try Output(of: conversion)
    if story == .restarting { try LostMachine.stop(conversion, command, after: half) }
    start = try ModelDisk(root: root, untouched: untouched)
    let (last, place) = (restarting ?? command, conversion)
    log = try LostMachine.record(root) { () throws(MimoError) in
      if story == .stopped { try LostMachine.stop(place, command, after: half) }
      return try last()
    }
    recorded = try recordedBytes()
  }

  /// What is changed below a folder; its syncs are not made.
  private static func record(_ root: String, _ command: TinyConversion.Carrying) throws(MimoError) -> [StorageChange] {
    let log = Mutex<[StorageChange]>([])
    _ = try StorageRecorder.with(root: root, { change in log.withLock { $0.append(change) } }, command)
    return log.withLock { $0 }
  }

  /// Runs a command until the disk is full.
  private static func stop(
    _ conversion: TinyConversion, _ command: TinyConversion.Carrying, after count: Int
  ) throws(MimoError) {
    let written = Counter()
    let failure = error { () throws(MimoError) in
      try FaultInjection.with({ call, path in
        guard call == .pwrite, path.hasPrefix(conversion.workFolder), !path.hasSuffix("journal") else { return nil }
        written.add(1)
        return written.total > count ? .failure(ENOSPC) : nil
      }) { () throws(MimoError) in _ = try command() }
    }
    guard failure?.errno == ENOSPC else { throw failure ?? MimoError(.internalError, "no write failed") }
  }

  /// What a run after a kill takes over, after each sync of the journal.
  private func recordedBytes() throws -> [Int] {
    var disk = start
    var bytes = [0]
    var random = SplitMix64(state: 0)
    for change in log {
      disk.apply(change)
      guard case .sync(_, let path, _) = change, path.hasSuffix("/journal") else {
        bytes.append(bytes[bytes.count - 1])
        continue
      }
      try disk.state(after: .nothing, &random).restore(in: conversion.root, untouched: untouched)
      bytes.append(try runAgain().bytesResumed)
    }
    return bytes
  }

  private func runAgain() throws(MimoError) -> ConversionReport {
    try StorageRecorder.with(root: conversion.root, { _ in }, command)
  }
}

// MARK: - What is left

extension LostMachine {
  enum Outcome: String, CaseIterable {
    case beganAnew = "began anew"
    case wentOn = "went on"
    case stoodAlready = "OUT stood already"
  }

  /// Why a state is none that may be left, or what became of it.
  enum Verdict {
    case right(Outcome)
    case wrong(String)
  }

  /// Restores a state and runs the command again.
  func verdict(on state: DiskState, after count: Int) throws -> Verdict {
    try state.restore(in: conversion.root, untouched: untouched)
    let seen = try Output(of: conversion)
    let isDone = seen == expected
    if !isDone, seen != former, !seen.isAbsent { return .wrong("OUT is there and not whole") }
    if !isDone, count == log.count { return .wrong("the command had ended, and its OUT is not there") }
    var outcome = Outcome.beganAnew
    do throws(MimoError) {
      let report = try runAgain()
      if !isDone, report.bytesResumed < recorded[count] {
        return .wrong("\(report.bytesResumed) of \(recorded[count]) recorded bytes were taken over")
      }
      if report.bytesResumed > 0 { outcome = .wentOn }
    } catch {
      // A lost machine is no reason for any other error.
      guard isDone, error.message.contains("exists already") else { return .wrong("ended in: \(error)") }
      outcome = .stoodAlready
    }
    guard try Output(of: conversion) == expected else { return .wrong("the next run's OUT is not right") }
    // An empty file that shows who we are may come back to life; `mimo-host clean` removes it.
    let names = try FileSystem.list(conversion.root).filter { !$0.contains(Ownership.suffix) }
    guard Set(names) == untouched.union(["out"]) else {
      return .wrong("something is left beside OUT")
    }
    return .right(outcome)
  }
}

// MARK: - Every call

extension LostMachine {
  /// What was looked at, and what was wrong.
  struct Tally {
    var states = 0
    /// States that differ from all before them; only these are run.
    var distinct = 0
    var outcomes: [Outcome: Int] = [:]
    var wrong: [String] = []
  }

  /// Loses the machine after calls, the last included: with nothing unsynced, all of it, and `draws` times some of it.
  ///
  /// - Parameter left: positions in the log that the disk does not hear of: syncs that are claimed and not made.
  func loseAtCalls(
    every stride: Int = 1, draws: Int, seed: UInt64, leavingOut left: Set<Int> = [], known: inout Set<Int>, stopsAtWrong: Bool = false
  ) throws -> Tally {
    var tally = Tally()
    var disk = start
    var random = SplitMix64(state: seed)
    for count in 0...log.count {
      if count > 0, !left.contains(count - 1) { disk.apply(log[count - 1]) }
      if let first = left.min(), count <= first { continue }
      guard (log.count - count) % stride == 0 else { continue }
      for loss in [ModelDisk.Loss.everything, .nothing] + Array(repeating: .some, count: draws) {
        let state = disk.state(after: loss, &random)
        tally.states += 1
        guard known.insert(fingerprint(state, after: count)).inserted else { continue }
        tally.distinct += 1
        switch try verdict(on: state, after: count) {
        case .right(let outcome): tally.outcomes[outcome, default: 0] += 1
        case .wrong(let reason):
          let last = count > 0 ? name(log[count - 1]) : "nothing"
          tally.wrong.append("after \(count) of \(log.count) calls, \(last), losing \(loss): \(reason)")
          if stopsAtWrong { return tally }
        }
      }
    }
    return tally
  }

  /// A state, and what is asked of it.
  private func fingerprint(_ state: DiskState, after count: Int) -> Int {
    var hasher = Hasher()
    hasher.combine(state.fingerprint)
    hasher.combine(recorded[count])
    hasher.combine(count == log.count)
    return hasher.finalize()
  }

  /// A change in words.
  func name(_ change: StorageChange) -> String {
    func inside(_ path: String) -> String { String(path.dropFirst(conversion.root.count + 1)) }
    return switch change {
    case .openOrMakeFile(let path, _): "open \(inside(path))"
    case .makeFolder(let path, _): "mkdir \(inside(path))"
    case .write(_, let offset, let bytes): "write of \(bytes.count) at \(offset)"
    case .resize(_, let size): "resize to \(size)"
    case .sync(let call, let path, _): "\(call.rawValue) \(inside(path))"
    case .rename(let from, let to): "rename \(inside(from)) to \(inside(to))"
    case .removeFile(let path): "unlink \(inside(path))"
    case .removeFolder(let path): "rmdir \(inside(path))"
    }
  }
}
