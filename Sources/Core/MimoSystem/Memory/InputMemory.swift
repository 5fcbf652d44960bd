import Glibc

/// What reading a file of descriptions takes: many small values for each of its bytes.
package enum InputMemory {
  /// A smaller file is held in what is left anyway.
  private static let leastSize: UInt64 = 1 << 20

  /// Throws where there is no room for what a file of so many bytes becomes: so many times as much, and twice that where
  /// arrays that grow take the last of the addresses.
  package static func check(_ size: UInt64, times factor: Int, path: String) throws(MimoError) {
    guard size > leastSize else { return }
    let needed = Double(size) * Double(factor)
    for limit in MemoryLimit.all() {
      let room = limit.kind == .addresses ? (limit.free - MemoryLimit.spareAddresses) / 2 : limit.free
      guard Double(room) < needed else { continue }
      throw MimoError(
        .system,
        "reading its \(size) bytes takes up to \(size >> 20) MiB x \(factor) of memory, but \(limit.name) leaves \(limit.free >> 20) MiB",
        path: path, remedy: "Check that this is the right file, or take a machine with more memory", errno: ENOMEM)
    }
  }
}
