import Glibc
import Synchronization

/// A descriptor that is closed when the last one lets go of it.
package final class OpenDescriptor: Sendable {
  private let descriptor: FileDescriptor
  var raw: CInt { descriptor.raw }

  init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
}

/// The open descriptors of files that are more than a process may have open: the one that was not used for longest is
/// closed where another is needed, and opened again when its file is used again.
package final class DescriptorPool: Sendable {
  /// That of the process: half of what the system lets it have open, so that all else has room.
  package static let shared = DescriptorPool(capacity: OpenFileLimit.current / 2)

  private struct Entry {
    var descriptor: OpenDescriptor
    var used: UInt64
  }

  private struct State {
    var entries: [UInt64: Entry] = [:]
    /// Counts uses.
    var clock: UInt64 = 0
    var files: UInt64 = 0
  }

  private let capacity: Int
  private let state = Mutex(State())

  package init(capacity: Int) { self.capacity = max(1, capacity) }

  /// A number for a file that comes in.
  func number() -> UInt64 {
    state.withLock { state in
      state.files += 1
      return state.files
    }
  }

  /// The descriptor of a file; nil where it was closed.
  func find(_ number: UInt64) -> OpenDescriptor? {
    state.withLock { state in
      state.clock += 1
      state.entries[number]?.used = state.clock
      return state.entries[number]?.descriptor
    }
  }

  /// Keeps what another thread has put there meanwhile.
  func keep(_ descriptor: OpenDescriptor, of number: UInt64) -> OpenDescriptor {
    state.withLock { state in
      if let known = state.entries[number] { return known.descriptor }
      state.clock += 1
      state.entries[number] = Entry(descriptor: descriptor, used: state.clock)
      return descriptor
    }
  }

  /// Lets go of those that were not used for longest until one more has room. Who uses one just now keeps it open.
  func makeRoom() {
    // Closing may wait for a file system: not with the lock held.
    let released = state.withLock { state in
      var released: [OpenDescriptor] = []
      while state.entries.count >= capacity, let oldest = state.entries.min(by: { $0.value.used < $1.value.used }) {
        state.entries[oldest.key] = nil
        released.append(oldest.value.descriptor)
      }
      return released
    }
    withExtendedLifetime(released) {}
  }

  func forget(_ number: UInt64) {
    let released = state.withLock { $0.entries.removeValue(forKey: number) }
    withExtendedLifetime(released) {}
  }
}

/// How a file gets at its descriptor.
enum DescriptorPlace: Sendable {
  /// As long as the file is in use: what is locked, or must be the same whatever happens to its name.
  case held(OpenDescriptor)
  case pooled(PooledDescriptor)

  func open() throws(MimoError) -> OpenDescriptor {
    switch self {
    case .held(let descriptor): descriptor
    case .pooled(let pooled): try pooled.open()
    }
  }
}

/// The descriptor of one file in a pool.
final class PooledDescriptor: Sendable {
  private let pool: DescriptorPool
  private let number: UInt64
  private let path: String
  private let flags: CInt
  private let identity: FileInfo

  /// Takes over a descriptor; `flags` open the file again.
  init(_ descriptor: consuming FileDescriptor, in pool: DescriptorPool, path: String, reopening flags: CInt) throws(MimoError) {
    let open = OpenDescriptor(descriptor)
    self.pool = pool
    self.path = path
    self.flags = flags
    number = pool.number()
    identity = try PooledDescriptor.info(open, path)
    _ = pool.keep(open, of: number)
  }

  deinit { pool.forget(number) }

  func open() throws(MimoError) -> OpenDescriptor {
    if let known = pool.find(number) { return known }
    pool.makeRoom()
    let opened = OpenDescriptor(try FileDescriptor.open(path, flags))
    let info = try PooledDescriptor.info(opened, path)
    // A file system may give the number of a removed file to the next one: what replaces a source in that way is found by
    // the second look at its times.
    guard info.inode == identity.inode, info.device == identity.device else {
      throw MimoError(
        .invalidInput, "is another file than the one that was opened here before", path: path,
        remedy: "Let nothing else write there, and run again")
    }
    return pool.keep(opened, of: number)
  }

  private static func info(_ descriptor: OpenDescriptor, _ path: String) throws(MimoError) -> FileInfo {
    var record = stat()
    _ = try SystemCalls.run(.fstat, path: path) { fstat(descriptor.raw, &record) }
    return FileInfo(record)
  }
}
