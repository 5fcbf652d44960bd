import Glibc
import MimoSystem
import Testing

@Suite struct DescriptorPoolTests {
  /// Two files in a pool that has room for one.
  private static func pair(in folder: borrowing TemporaryFolder) throws -> (pool: DescriptorPool, files: [File]) {
    let pool = DescriptorPool(capacity: 1)
    return (pool, try ["a", "b"].map { try File.create(folder($0), size: 4, in: pool) })
  }

  @Test func whatWasWrittenBeforeAFileWasClosedIsThereWhenItIsOpenedAgain() throws {
    let folder = try TemporaryFolder()
    let (_, files) = try DescriptorPoolTests.pair(in: folder)
    for round in UInt8(1)...3 {
      for (number, file) in files.enumerated() { try file.write([round + UInt8(number)], at: UInt64(round)) }
    }
    for file in files { try file.syncData() }
    #expect(try FileSystem.readSmallFile(folder("a")) == [0, 1, 2, 3] && FileSystem.readSmallFile(folder("b")) == [0, 2, 3, 4])
  }

  @Test func anotherFileOfThatNameIsNotTakenForIt() throws {
    let folder = try TemporaryFolder()
    let (_, files) = try DescriptorPoolTests.pair(in: folder)
    try FileSystem.writeSmallFile(folder("other"), [9, 9, 9, 9])
    try #require(rename(folder("other"), folder("a")) == 0)
    try files[1].write([1], at: 0)
    let error = try #require(throws: MimoError.self) { try files[0].write([1], at: 0) }
    #expect(error.path == folder("a") && error.message.contains("another file"))
    #expect(try FileSystem.readSmallFile(folder("a")) == [9, 9, 9, 9])
  }

  @Test func aPoolKeepsNoMoreOpenThanItHasRoomFor() throws {
    let folder = try TemporaryFolder()
    let pool = DescriptorPool(capacity: 3)
    let files = try (0..<40).map { try File.create(folder("\($0)"), size: 1, in: pool) }
    for file in files { try file.write([7], at: 0) }
    let open = try FileSystem.list("/proc/self/fd").compactMap { name in
      var target = [CChar](repeating: 0, count: 4096)
      let count = readlink("/proc/self/fd/\(name)", &target, target.count - 1)
      return count > 0 ? String(decoding: target.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }
    #expect(open.count { $0.hasPrefix(folder.path + "/") } <= 3)
    withExtendedLifetime(files) {}
  }

  /// A lock ends when its descriptor is closed.
  @Test func aFileWhoseDescriptorMayBeClosedIsNotLocked() throws {
    let folder = try TemporaryFolder()
    let (_, files) = try DescriptorPoolTests.pair(in: folder)
    let error = try #require(throws: MimoError.self) { _ = try files[0].lock() }
    #expect(error.code == .internalError)
  }
}
