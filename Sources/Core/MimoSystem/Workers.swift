import Glibc
import Synchronization

/// One thread's view of a run of `Workers`.
package struct Worker: Sendable {
  /// 0 ..< count.
  package let index: Int
  fileprivate let run: WorkerRun

  /// Another worker has failed: stop soon, the result will not be used.
  package var isCancelled: Bool { run.isCancelled.load(ordering: .relaxed) }
}

/// A fixed number of threads that run the same function, each with its own index.
package enum Workers {
  /// Runs `body` on `count` threads (on the caller's own when one) and waits for all; the first error is rethrown.
  package static func run(
    count: Int, _ body: @escaping @Sendable (Worker) throws(MimoError) -> Void
  ) throws(MimoError) {
    guard count > 0 else { return }
    let run = WorkerRun(body)
    var threads: [pthread_t] = []
    for index in 1..<max(count, 1) where !run.isCancelled.load(ordering: .relaxed) {
      do throws(MimoError) {
        threads.append(try start(run, index))
      } catch {
        run.fail(error)
      }
    }
    if !run.isCancelled.load(ordering: .relaxed) { run.work(0) }
    for thread in threads { pthread_join(thread, nil) }
    if let error = run.firstError.withLock({ $0 }) { throw error }
  }

  private static let stackBytes = 8 << 20
  /// Bytes of addresses that a thread takes: its stack, and the page that guards it.
  package static let addressesOfThread = stackBytes + 4096

  private final class Start {
    let run: WorkerRun
    let index: Int
    init(_ run: WorkerRun, _ index: Int) {
      self.run = run
      self.index = index
    }
  }

  private static func start(_ run: WorkerRun, _ index: Int) throws(MimoError) -> pthread_t {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, stackBytes)
    let context = Unmanaged.passRetained(Start(run, index))
    var thread = pthread_t()
    let injected = FaultInjection.failure(of: .createThread, path: "")
    let code = injected ?? pthread_create(
      &thread, &attributes,
      { context in
        guard let context else { return nil }
        let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
        start.run.work(start.index)
        return nil
      }, context.toOpaque())
    guard code == 0 else {
      context.release()
      throw MimoError(
        .system, "no further thread can be started: \(String(cString: strerror(code)))",
        remedy: "Use fewer workers (--jobs), or raise the limit of processes (ulimit -u) or of addresses (ulimit -v)",
        errno: code)
    }
    return thread
  }
}

/// What the threads of one run share.
private final class WorkerRun: Sendable {
  let isCancelled = Atomic<Bool>(false)
  let firstError = Mutex<MimoError?>(nil)
  private let body: @Sendable (Worker) throws(MimoError) -> Void

  init(_ body: @escaping @Sendable (Worker) throws(MimoError) -> Void) { self.body = body }

  func work(_ index: Int) {
    do throws(MimoError) {
      try body(Worker(index: index, run: self))
    } catch {
      fail(error)
    }
  }

  func fail(_ error: MimoError) {
    firstError.withLock { first in
      if first == nil { first = error }
    }
    isCancelled.store(true, ordering: .relaxed)
  }
}
