import Glibc
import Synchronization

/// An open regular file that threads share: every transfer names its own position.
package final class File: Sendable {
  package let path: String
  private let place: DescriptorPlace
  private let writing: WritePolicy
  private let turn = Mutex<Void>(())
  /// Where it is noted what is read.
  private let pages: [ReadLog.Page]
  /// Until a write says that kernel or file system know nothing of it.
  private let canPassThrough = Atomic<Bool>(LinuxCalls.pwritev2 != nil)
  private let isLocked = Atomic<Bool>(false)

  private init(
    path: String, descriptor: consuming FileDescriptor, pages: [ReadLog.Page] = []
  ) throws(MimoError) {
    self.path = path
    self.pages = pages
    writing = try WritePolicy(for: descriptor.raw, path: path)
    place = .held(OpenDescriptor(descriptor))
  }

  /// - Parameter flags: those that open it again.
  private init(
    path: String, descriptor: consuming FileDescriptor, in pool: DescriptorPool, reopening flags: CInt,
    pages: [ReadLog.Page] = []
  ) throws(MimoError) {
    self.path = path
    self.pages = pages
    writing = try WritePolicy(for: descriptor.raw, path: path)
    place = .pooled(try PooledDescriptor(descriptor, in: pool, path: path, reopening: flags))
  }

  deinit { unlock() }

  /// Opens a regular file for reading; symbolic links are followed. What is read of a run's sources goes into its `ReadLog`.
  package static func openForReading(_ path: String) throws(MimoError) -> File {
    let descriptor = try FileDescriptor.open(path, readingFlags)
    let info = try infoOfRegular(descriptor.raw, path)
    return try File(path: path, descriptor: descriptor, pages: ReadLog.pages(for: path, info))
  }

  /// O_NONBLOCK: opening a named pipe must not hang; it has no effect on regular files.
  private static let readingFlags = O_RDONLY | O_NONBLOCK

  private static func infoOfRegular(_ raw: CInt, _ path: String) throws(MimoError) -> FileInfo {
    let info = try info(of: raw, path)
    guard info.kind == .regular else {
      throw MimoError(.invalidInput, "is a \(info.kind.rawValue), not a file", path: path, remedy: "Name a regular file")
    }
    return info
  }

  /// The same with a descriptor that is closed while others of a pool are needed more.
  package static func openForReading(_ path: String, in pool: DescriptorPool) throws(MimoError) -> File {
    try open(path, in: pool) { info in ReadLog.pages(for: path, info) }
  }

  /// The same for what is accounted for otherwise: weights that are moved, and proofs.
  package static func openForTransfer(_ path: String, in pool: DescriptorPool) throws(MimoError) -> File {
    try open(path, in: pool) { _ in [] }
  }

  private static func open(
    _ path: String, in pool: DescriptorPool, pages: (FileInfo) -> [ReadLog.Page]
  ) throws(MimoError) -> File {
    pool.makeRoom()
    let descriptor = try FileDescriptor.open(path, readingFlags)
    let info = try infoOfRegular(descriptor.raw, path)
    return try File(path: path, descriptor: descriptor, in: pool, reopening: readingFlags, pages: pages(info))
  }

  /// Makes a new file of `size` zero bytes, as `create`.
  package static func create(_ path: String, size: UInt64, in pool: DescriptorPool) throws(MimoError) -> File {
    pool.makeRoom()
    let descriptor = try FileDescriptor.open(path, O_RDWR | O_CREAT | O_EXCL)
    let file = try File(path: path, descriptor: descriptor, in: pool, reopening: O_RDWR | O_NOFOLLOW)
    if size > 0 { try file.resize(to: size) }
    return file
  }

  /// Opens an existing regular file, as `openForUpdating`.
  package static func openForUpdating(_ path: String, in pool: DescriptorPool) throws(MimoError) -> File {
    pool.makeRoom()
    let flags = O_RDWR | O_NOFOLLOW
    return try File(path: path, descriptor: try FileDescriptor.open(path, flags), in: pool, reopening: flags)
  }

  /// Makes a new file of `size` zero bytes; fails when `path` exists.
  package static func create(_ path: String, size: UInt64 = 0, mode: mode_t? = nil) throws(MimoError) -> File {
    let descriptor = try FileDescriptor.open(path, O_RDWR | O_CREAT | O_EXCL, mode: mode)
    let file = try File(path: path, descriptor: descriptor)
    if size > 0 { try file.resize(to: size) }
    return file
  }

  /// Opens an existing regular file for reading and writing.
  package static func openForUpdating(_ path: String) throws(MimoError) -> File {
    try File(path: path, descriptor: try FileDescriptor.open(path, O_RDWR | O_NOFOLLOW))
  }

  /// Opens a file for reading and writing, makes it where it is missing; a symbolic link is refused.
  package static func openOrCreate(_ path: String, mode: mode_t? = nil) throws(MimoError) -> File {
    let flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK
    return try File(path: path, descriptor: try FileDescriptor.open(path, flags, mode: mode))
  }

  package func info() throws(MimoError) -> FileInfo {
    try withDescriptor { raw throws(MimoError) in try File.info(of: raw, path) }
  }

  private static func info(of raw: CInt, _ path: String) throws(MimoError) -> FileInfo {
    var record = stat()
    _ = try SystemCalls.run(.fstat, path: path) { fstat(raw, &record) }
    return FileInfo(record)
  }

  /// Bytes that the file holds now.
  package func size() throws(MimoError) -> UInt64 { try info().size }

  package func setPermissions(_ permissions: mode_t) throws(MimoError) {
    try withDescriptor { raw throws(MimoError) in
      _ = try SystemCalls.run(.fchmod, path: path) { fchmod(raw, permissions) }
    }
  }

  package func resize(to size: UInt64) throws(MimoError) {
    let length = try offset(size)
    try withDescriptor { raw throws(MimoError) in
      _ = try SystemCalls.run(.ftruncate, path: path, change: { _ in .resized(raw, to: length) }) {
        ftruncate(raw, length)
      }
    }
  }

  /// Fills the whole buffer from `position`; the end of the file before that is an error.
  package func read(into buffer: UnsafeMutableRawBufferPointer, at position: UInt64) throws(MimoError) {
    let done = try readUpToEnd(into: buffer, at: position)
    guard done == buffer.count else {
      throw MimoError(
        .invalidInput, "file ends here, \(buffer.count - done) bytes too early", path: path,
        byte: position + UInt64(done), remedy: "The file was cut short: copy or download it again")
    }
  }

  /// Fills the buffer from `position` as far as the file reaches; the number of bytes read.
  package func readUpToEnd(
    into buffer: UnsafeMutableRawBufferPointer, at position: UInt64
  ) throws(MimoError) -> Int {
    let start = try offset(position)
    _ = try offset(position, adding: buffer.count)
    var done = 0
    while done < buffer.count {
      let n = try transfer(.pread, buffer.count - done, at: position + UInt64(done)) { raw, count in
        pread(raw, buffer.baseAddress.map { $0 + done }, count, start + off_t(done))
      }
      if n == 0 { break }
      done += n
    }
    BitFlip.pass(.read, path, at: position, UnsafeMutableRawBufferPointer(rebasing: buffer[..<done]))
    for page in pages { page.add(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<done]), at: position) }
    return done
  }

  /// Notes as read what was copied from here to the same place of `copy` without passing through this process.
  func noteCopy(_ copy: File, _ size: UInt64) throws(MimoError) {
    guard !pages.isEmpty else { return }
    let buffer = try RawMemory.allocate(1 << 20)
    defer { RawMemory.free(buffer) }
    var position: UInt64 = 0
    while position < size {
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(size - position, UInt64(buffer.count)))])
      try copy.read(into: part, at: position)
      for page in pages { page.add(UnsafeRawBufferPointer(part), at: position) }
      position += UInt64(part.count)
    }
  }

  /// Writes the whole buffer at `position`.
  package func write(_ buffer: UnsafeRawBufferPointer, at position: UInt64) throws(MimoError) {
    try BitFlip.passACopy(.write, path, at: position, buffer) { (bytes) throws(MimoError) in
      try put(bytes, at: position)
    }
  }

  private func put(_ buffer: UnsafeRawBufferPointer, at position: UInt64) throws(MimoError) {
    let start = try offset(position)
    _ = try offset(position, adding: buffer.count)
    guard writing.isInTurn else { return try writeAll(buffer, at: position, start) }
    try turn.withLock { _ in capture { () throws(MimoError) in try writeAll(buffer, at: position, start) } }.get()
  }

  private func writeAll(_ buffer: UnsafeRawBufferPointer, at position: UInt64, _ start: off_t) throws(MimoError) {
    var done = 0
    while done < buffer.count {
      let place = position + UInt64(done)
      let piece = writing.piece(
        at: place, left: buffer.count - done, of: buffer.count,
        canPassThrough: canPassThrough.load(ordering: .relaxed))
      let rest = UnsafeRawBufferPointer(rebasing: buffer[done..<(done + piece.count)])
      guard let n = try write(rest, at: start + off_t(done), passingThrough: piece.passesThrough) else {
        canPassThrough.store(false, ordering: .relaxed)
        continue
      }
      // POSIX leaves 0 open for a non-empty write; looping on it could never end.
      guard n > 0 else { throw SystemCalls.failure(.pwrite, EIO, path: path, byte: place) }
      done += n
    }
  }

  /// The bytes that one call wrote; nil when it can not write in this way.
  private func write(
    _ piece: UnsafeRawBufferPointer, at start: off_t, passingThrough: Bool
  ) throws(MimoError) -> Int? {
    func change(_ raw: CInt, _ count: Int) -> StorageChange? {
      .wrote(raw, UnsafeRawBufferPointer(rebasing: piece.prefix(count)), at: start)
    }
    guard passingThrough, let pwritev2 = LinuxCalls.pwritev2 else {
      return try transfer(.pwrite, piece.count, at: UInt64(start), change: change) {
        pwrite($0, piece.baseAddress, $1, start)
      }
    }
    do throws(MimoError) {
      return try transfer(.pwrite, piece.count, at: UInt64(start), change: change) { raw, count in
        var vector = iovec(iov_base: UnsafeMutableRawPointer(mutating: piece.baseAddress), iov_len: count)
        return pwritev2(raw, &vector, 1, start, LinuxCalls.dontCacheFlag)
      }
    } catch {
      guard error.errno == EOPNOTSUPP || error.errno == ENOSYS else { throw error }
      return nil
    }
  }

  package func write(_ bytes: [UInt8], at position: UInt64) throws(MimoError) {
    let result = bytes.withUnsafeBytes { buffer in capture { () throws(MimoError) in try write(buffer, at: position) } }
    try result.get()
  }

  /// Waits until the bytes and the size are on the disk.
  package func sync() throws(MimoError) {
    try withDescriptor { raw throws(MimoError) in
      _ = try SystemCalls.run(.fsync, path: path, change: { _ in .synced(.fsync, path, raw) }) { fsync(raw) }
    }
  }

  /// Waits until the bytes, and what is needed to find them again, are on the disk.
  package func syncData() throws(MimoError) {
    try withDescriptor { raw throws(MimoError) in
      _ = try SystemCalls.run(.fdatasync, path: path, change: { _ in .synced(.fdatasync, path, raw) }) { fdatasync(raw) }
    }
  }

  /// Keeps others from locking this file until `unlock`, or as long as this is in use; false when one has it.
  ///
  /// File systems without locks (some mounts of Lustre and NFS) let everybody pass.
  package func lock() throws(MimoError) -> Bool {
    guard case .held(let descriptor) = place else {
      throw MimoError(.internalError, "a lock on a descriptor that may be closed", path: path)
    }
    let raw = descriptor.raw
    let (result, code) = SystemCalls.attempt(.flock, path: path) { flock(raw, LOCK_EX | LOCK_NB) }
    if result == 0 {
      isLocked.store(true, ordering: .relaxed)
      return true
    }
    switch code {
    case EWOULDBLOCK: return false
    case ENOSYS, ENOLCK, ENOTSUP: return true
    default: throw SystemCalls.failure(.flock, code, path: path)
    }
  }

  /// Gives the lock up. Closing alone would not: a process that another thread is just starting holds a copy of the
  /// descriptor until it runs its program.
  package func unlock() {
    guard isLocked.exchange(false, ordering: .relaxed), case .held(let descriptor) = place else { return }
    let raw = descriptor.raw
    _ = SystemCalls.attempt(.flock, path: path) { flock(raw, LOCK_UN) }
  }

  package enum Advice: Sendable {
    /// Will be read from front to back.
    case sequential
    /// Will not be needed again: the page cache may drop it.
    case dontNeed
    /// Will be needed soon: the kernel may start to read it.
    case willNeed
  }

  /// Tells the kernel how a range will be used (count 0 reaches to the end); only a hint, so a refusal is no error.
  package func advise(_ advice: Advice, at position: UInt64 = 0, count: UInt64 = 0) {
    let code =
      switch advice {
      case .sequential: POSIX_FADV_SEQUENTIAL
      case .dontNeed: POSIX_FADV_DONTNEED
      case .willNeed: POSIX_FADV_WILLNEED
      }
    guard let start = off_t(exactly: position), let length = off_t(exactly: count) else { return }
    guard case .success(let descriptor) = capture({ () throws(MimoError) in try place.open() }) else { return }
    withExtendedLifetime(descriptor) { _ = posix_fadvise(descriptor.raw, start, length, code) }
  }

  /// Runs `body` with the descriptor, which must not be kept or closed.
  package func withDescriptor<Result>(_ body: (CInt) throws(MimoError) -> Result) throws(MimoError) -> Result {
    let descriptor = try place.open()
    defer { withExtendedLifetime(descriptor) {} }
    return try body(descriptor.raw)
  }

  private func transfer(
    _ call: SystemCall, _ asked: Int, at byte: UInt64, change: (CInt, Int) -> StorageChange? = { _, _ in nil },
    _ body: (CInt, Int) -> Int
  ) throws(MimoError) -> Int {
    try withDescriptor { raw throws(MimoError) in try transfer(call, asked, at: byte, raw, change, body) }
  }

  private func transfer(
    _ call: SystemCall, _ asked: Int, at byte: UInt64, _ raw: CInt, _ change: (CInt, Int) -> StorageChange?,
    _ body: (CInt, Int) -> Int
  ) throws(MimoError) -> Int {
    while true {
      let code: Int32
      switch FaultInjection.transfer(call, path: path, count: asked) {
      case .asking(let count):
        let n = StorageRecorder.perform(call, path: path, change: { change(raw, $0) }) { body(raw, count) }
        if n >= 0 { return n }
        code = errno
      case .failing(let injected): code = injected
      case .lost: return asked
      }
      if code != EINTR { throw SystemCalls.failure(call, code, path: path, byte: byte) }
    }
  }

  /// `position + count` as a file offset; an error when no file can reach that far.
  private func offset(_ position: UInt64, adding count: Int = 0) throws(MimoError) -> off_t {
    let (end, overflow) = position.addingReportingOverflow(UInt64(count))
    guard !overflow, let offset = off_t(exactly: end) else {
      throw MimoError(.invalidInput, "position is beyond what a file can hold", path: path, byte: position)
    }
    return offset
  }
}

/// The outcome of `body` as a value: carries a typed error through closures that the standard library rethrows untyped.
package func capture<Value>(_ body: () throws(MimoError) -> Value) -> Result<Value, MimoError> {
  do throws(MimoError) {
    return .success(try body())
  } catch {
    return .failure(error)
  }
}
