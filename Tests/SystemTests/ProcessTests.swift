import Glibc
import MimoSystem
import Synchronization
import Testing

@Suite struct WorkersTests {
  @Test(arguments: [1, 2, 7]) func everyIndexRunsOnce(_ count: Int) throws {
    let seen = SeenIndices()
    try Workers.run(count: count) { worker in seen.add(worker.index) }
    #expect(seen.sorted == Array(0..<count))
  }

  @Test func theFirstErrorIsThrownAndTheOthersSeeIt() throws {
    let error = error { () throws(MimoError) in
      try Workers.run(count: 3) { (worker) throws(MimoError) in
        if worker.index == 1 { throw MimoError(.system, "broken") }
        // Without cancellation this would never end.
        while !worker.isCancelled { usleep(100) }
      }
    }
    #expect(error?.message == "broken")
  }

  /// RLIMIT_NPROC or RLIMIT_AS at any of the threads: those that have started end, and one line says what to do.
  @Test(arguments: [1, 2, 3]) func aThreadThatCanNotBeStartedIsOneError(_ place: Int) throws {
    let caller = UInt(pthread_self())
    let asked = Atomic<Int>(0)
    let error = error { () throws(MimoError) in
      try FaultInjection.with({ call, _ in
        guard call == .createThread, UInt(pthread_self()) == caller else { return nil }
        return asked.add(1, ordering: .relaxed).newValue == place ? .failure(EAGAIN) : nil
      }) { () throws(MimoError) in
        try Workers.run(count: 4) { worker in while !worker.isCancelled { usleep(100) } }
      }
    }
    #expect(error?.code == .system && error?.errno == EAGAIN && asked.load(ordering: .relaxed) == place)
    let words = "no further thread can be started: Resource temporarily unavailable. Use fewer workers (--jobs)"
    #expect(error?.description.hasPrefix(words) == true && error?.description.contains("\n") == false)
  }

  @Test func oneWorkerRunsOnTheCallersThread() throws {
    let caller = UInt(pthread_self())
    try Workers.run(count: 1) { _ in #expect(UInt(pthread_self()) == caller) }
  }
}

private final class SeenIndices: Sendable {
  private let indices = Mutex<[Int]>([])
  func add(_ index: Int) { indices.withLock { $0.append(index) } }
  var sorted: [Int] { indices.withLock { $0.sorted() } }
}

/// Each in a process of its own: a signal would stop whatever else is tested in this one.
@Suite struct InterruptionTests {
  @Test func theFirstInterruptIsAnErrorAtTheNextCheckAndTheSecondEndsTheProcess() async {
    await #expect(processExitsWith: .success) { try InterruptionTests.checkSignal(SIGINT, .interrupted) }
  }

  @Test func soIsTheFirstRequestToTerminate() async {
    await #expect(processExitsWith: .success) { try InterruptionTests.checkSignal(SIGTERM, .terminated) }
  }

  @Test func soIsTheEndOfTheTerminal() async {
    await #expect(processExitsWith: .success) { try InterruptionTests.checkSignal(SIGHUP, .hungUp) }
  }

  /// nohup ignores SIGHUP before it starts the program.
  @Test func theEndOfTheTerminalIsNoMatterUnderNohup() async {
    await #expect(processExitsWith: .success) {
      signal(SIGHUP, SIG_IGN)
      Interruption.install()
      kill(getpid(), SIGHUP)
      try InterruptionTests.checkSignal(SIGTERM, .terminated)
    }
  }

  /// "Nothing was published" is of no use to who stops a comparison.
  @Test(arguments: [nil, "Nothing was published"]) func aStopSaysWhatItMeansForTheCommand(consequence: String?) async {
    if consequence == nil {
      await #expect(processExitsWith: .success) { try InterruptionTests.checkRemedy(nil) }
    } else {
      await #expect(processExitsWith: .success) { try InterruptionTests.checkRemedy("Nothing was published") }
    }
  }

  private static func checkRemedy(_ consequence: String?) throws {
    Interruption.install(consequence: consequence)
    kill(getpid(), SIGINT)
    var seen: MimoError?
    for _ in 0..<5000 where seen == nil {
      usleep(1000)
      seen = error { () throws(MimoError) in try Interruption.check() }
    }
    #expect(seen?.code == .interrupted && seen?.remedy == consequence)
  }

  private static func checkSignal(_ signal: Int32, _ code: MimoError.Code) throws {
    Interruption.install()
    try Interruption.check()
    kill(getpid(), signal)
    // Some other thread may be the one that takes the signal.
    var seen: MimoError?
    for _ in 0..<5000 where seen == nil {
      usleep(1000)
      seen = error { () throws(MimoError) in try Interruption.check() }
    }
    #expect(seen?.code == code)
    for number in [SIGINT, SIGTERM] {
      var action = sigaction()
      sigaction(number, nil, &action)
      #expect(unsafeBitCast(action.__sigaction_handler.sa_handler, to: UInt.self) == 0, "SIG_DFL is back")
    }
    Interruption.reset()
    #expect(error { () throws(MimoError) in try Interruption.check() } == nil)
  }
}

@Suite struct ProcessUsageTests {
  @Test func memoryAndProcessorsAreKnown() throws {
    let now = try #require(ProcessUsage.residentBytes)
    let peak = try #require(ProcessUsage.peakResidentBytes)
    #expect(peak >= now && now > 1 << 20)
    #expect(ProcessUsage.processorCount >= 1)
  }

  @Test func timeMovesForward() {
    let first = MonotonicClock.seconds()
    usleep(2000)
    #expect(MonotonicClock.seconds() - first >= 0.002)
  }
}

@Suite struct DynamicLibraryTests {
  @Test(
    arguments: [
      ([:], "does not begin as an ELF file"), ([4: 1], "64-bit"), ([16: 2], "no shared library"),
      ([18: 8], "ELF machine 8"),
      ([0: 0], "does not begin as an ELF file"), ([18: -1], "could not be loaded"),
    ] as [([Int: Int], String)])
  func anythingButASharedLibraryIsRefusedWithTheReason(_ changes: [Int: Int], _ reason: String) throws {
    let folder = try TemporaryFolder()
    let path = folder("library.so")
    var header: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 57)
    header[16] = 3
    for (position, value) in changes { header[position] = UInt8(value < 0 ? ownMachine : value) }
    try FileSystem.writeSmallFile(path, changes.isEmpty ? Array("#!/bin/sh\n".utf8) : header)
    let error = error { () throws(MimoError) in _ = try DynamicLibrary(path) }
    #expect(error?.code == .plugin)
    #expect(error?.path == path)
    #expect(error?.message.contains(reason) == true)
  }

  @Test func symbolsAreFoundOrNamed() throws {
    let places = ["/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64", "/usr/lib"].map { $0 + "/libc.so.6" }
    let path = try #require(try places.first { try FileSystem.exists($0) })
    let library = try DynamicLibrary(path)
    _ = try library.symbol("strlen")
    do throws(MimoError) {
      _ = try library.symbol("no_such_symbol")
      Issue.record("found what is not there")
    } catch {
      #expect(error.description.contains("\(path): has no symbol no_such_symbol"))
    }
  }

  @Test func aMissingLibraryIsNamed() {
    let error = error { () throws(MimoError) in _ = try DynamicLibrary("none.so") }
    #expect(error?.description.contains("none.so: open failed: No such file") == true)
  }

  #if arch(x86_64)
    private var ownMachine: Int { 62 }
  #else
    private var ownMachine: Int { 183 }
  #endif
}
