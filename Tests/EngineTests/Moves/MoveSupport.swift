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

/// A sum that threads add to.
final class Counter: Sendable {
  private let value = Atomic<Int>(0)
  func add(_ n: Int) { value.add(n, ordering: .relaxed) }
  var total: Int { value.load(ordering: .relaxed) }
}

/// Reflected CRCs bit by bit, as their definitions say.
enum PlainCRC {
  /// CRC-32/ISO-HDLC.
  static func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(UInt32.max) { crc, byte in
      (0..<8).reduce(crc ^ UInt32(byte)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
  }

  /// CRC-64/NVME.
  static func crc64(_ bytes: some Sequence<UInt8>) -> UInt64 {
    ~bytes.reduce(UInt64.max) { crc, byte in
      (0..<8).reduce(crc ^ UInt64(byte)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0x9A6C_9329_AC4B_C9B5 : crc >> 1 }
    }
  }
}
