import Glibc
import MimoSystem
import Synchronization

/// A folder of its own for one test, removed at its end.
struct TemporaryFolder: ~Copyable {
  let path: String

  init() throws {
    var random = SystemRandomNumberGenerator()
    let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    path = FileSystem.join(base, "mimo-host-tests-\(getpid())-\(random.next())")
    try FileSystem.createDirectory(path)
  }

  deinit { try? FileSystem.removeTree(path) }

  func callAsFunction(_ name: String) -> String { FileSystem.join(path, name) }
}

/// The error that `body` throws; nil when it throws none.
func error(_ body: () throws(MimoError) -> Void) -> MimoError? {
  do throws(MimoError) {
    try body()
    return nil
  } catch {
    return error
  }
}

/// True once.
final class FirstOnly: Sendable {
  private let used = Atomic<Bool>(false)
  func next() -> Bool { !used.exchange(true, ordering: .relaxed) }
}

/// Counts from 1.
final class CallCounter: Sendable {
  private let value = Atomic<Int>(0)
  func next() -> Int { value.add(1, ordering: .relaxed).newValue }
}
