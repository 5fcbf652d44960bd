import Glibc
import MimoSystem
import Testing

@Suite struct FileTests {
  @Test func aFileKeepsWhatIsWrittenAtItsPosition() throws {
    let folder = try TemporaryFolder()
    let file = try File.create(folder("a"), size: 10)
    try file.write([1, 2, 3], at: 4)
    #expect(try file.size() == 10)
    #expect(try FileSystem.readSmallFile(folder("a")) == [0, 0, 0, 0, 1, 2, 3, 0, 0, 0])
  }

  @Test func creatingAnExistingFileIsRefused() throws {
    let folder = try TemporaryFolder()
    let path = folder("a")
    try FileSystem.writeSmallFile(path, [1])
    let error = error { () throws(MimoError) in _ = try File.create(path) }
    #expect(error?.errno == EEXIST)
    #expect(error?.description.contains(path) == true)
    #expect(try FileSystem.readSmallFile(path) == [1])
  }

  @Test func readingBeyondTheEndNamesTheByteWhereTheFileEnds() throws {
    let folder = try TemporaryFolder()
    try FileSystem.writeSmallFile(folder("a"), [1, 2, 3, 4, 5])
    let file = try File.openForReading(folder("a"))
    let error = error { () throws(MimoError) in _ = try read(file, count: 10, at: 2) }
    #expect(error?.code == .invalidInput)
    #expect(error?.byte == 5)
    #expect(error?.message.contains("7 bytes too early") == true)
  }

  @Test func onlyRegularFilesAreOpenedForReading() throws {
    let folder = try TemporaryFolder()
    let path = folder.path
    #expect(error { () throws(MimoError) in _ = try File.openForReading(path) }?.message.contains("folder") == true)
    let pipe = folder("pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    #expect(
      error { () throws(MimoError) in _ = try File.openForReading(pipe) }?.message.contains("special file") == true)
  }

  @Test func aMissingFileIsNamedWithTheReason() throws {
    let folder = try TemporaryFolder()
    let path = folder("none")
    let error = error { () throws(MimoError) in _ = try File.openForReading(path) }
    #expect(error?.code == .system)
    #expect(error?.description == "\(path): open failed: No such file or directory. Check that the path exists")
  }

  @Test(arguments: ["a\0b", ""]) func pathsThatCWouldMisreadAreRefused(_ path: String) {
    #expect(error { () throws(MimoError) in _ = try File.openForReading(path) } != nil)
    #expect(error { () throws(MimoError) in _ = try FileSystem.exists(path) } != nil)
  }

  @Test func shortAndInterruptedTransfersAreContinued() throws {
    let folder = try TemporaryFolder()
    let path = folder("a")
    let bytes = (0..<1000).map { UInt8($0 % 251) }
    let calls = CallCounter()
    let back = try FaultInjection.with({ call, at in
      guard at == path, call == .pread || call == .pwrite else { return nil }
      return calls.next() % 2 == 0 ? .failure(EINTR) : .short(7)
    }) { () throws(MimoError) -> [UInt8] in
      let file = try File.create(path)
      try file.write(bytes, at: 0)
      return try read(file, count: bytes.count, at: 0)
    }
    #expect(back == bytes)
    #expect(calls.next() > 2 * 1000 / 7)
  }

  /// Runs that pass through the page cache, between runs that do not, with blocks that two threads share.
  @Test func longRunsOfSeveralThreadsKeepTheirBytesAtAnyPosition() throws {
    let folder = try TemporaryFolder()
    let lengths = [300_001, 1, 4096, 262_144, 5_000_003, 262_143, 1_048_576, 77]
    let bytes = [UInt8]((0..<lengths.reduce(0, +)).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 9) })
    let file = try File.create(folder("a"), size: UInt64(bytes.count))
    try Workers.run(count: 4) { worker throws(MimoError) in
      var start = 0
      for (index, length) in lengths.enumerated() {
        if index % 4 == worker.index { try file.write(Array(bytes[start..<(start + length)]), at: UInt64(start)) }
        start += length
      }
    }
    try file.syncData()
    #expect(try read(file, count: bytes.count, at: 0) == bytes)
  }

  @Test(arguments: [EOPNOTSUPP, ENOSYS]) func whatCanNotPassThroughThePageCacheGoesIntoIt(_ code: Int32) throws {
    let folder = try TemporaryFolder()
    let path = folder("a")
    let bytes = [UInt8]((0..<1_000_000).map { UInt8($0 % 251) })
    let calls = CallCounter()
    let back = try FaultInjection.with({ call, at in
      guard at == path, call == .pwrite else { return nil }
      return calls.next() == 1 ? .failure(code) : nil
    }) { () throws(MimoError) -> [UInt8] in
      let file = try File.create(path)
      try file.write(bytes, at: 0)
      return try read(file, count: bytes.count, at: 0)
    }
    #expect(back == bytes)
  }

  @Test(arguments: [
    (SystemCall.open, EMFILE, "ulimit"), (.pwrite, ENOSPC, "Free space"), (.pread, EIO, "disk"), (.fsync, EIO, "disk"),
    (.ftruncate, EFBIG, "size"), (.fstat, EIO, "disk"),
  ])
  func aFailedCallSaysWhichAndWhatToDo(_ call: SystemCall, _ code: Int32, _ remedy: String) throws {
    let folder = try TemporaryFolder()
    let path = folder("a")
    let error = error { () throws(MimoError) in
      try FaultInjection.with({ $0 == call && $1 == path ? .failure(code) : nil }) { () throws(MimoError) in
        let file = try File.create(path, size: 4)
        try file.write([1, 2, 3, 4], at: 0)
        _ = try file.size()
        _ = try read(file, count: 4, at: 0)
        try file.sync()
      }
    }
    #expect(error?.code == .system)
    #expect(error?.errno == code)
    #expect(error?.path == path)
    #expect(error?.message.contains(call.rawValue) == true)
    #expect(error?.remedy?.contains(remedy) == true)
  }

  @Test func positionsNoFileCanReachAreRefused() throws {
    let folder = try TemporaryFolder()
    let file = try File.create(folder("a"))
    #expect(error { () throws(MimoError) in try file.write([1], at: .max) }?.code == .invalidInput)
    #expect(error { () throws(MimoError) in try file.resize(to: .max) }?.code == .invalidInput)
  }

  private func read(_ file: File, count: Int, at position: UInt64) throws(MimoError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    try bytes.withUnsafeMutableBytes { buffer in
      capture { () throws(MimoError) in try file.read(into: buffer, at: position) }
    }.get()
    return bytes
  }
}
