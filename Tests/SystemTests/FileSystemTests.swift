import Glibc
import MimoSystem
import Testing

@Suite struct FileSystemTests {
  @Test func namesAreListedInByteOrder() throws {
    let folder = try TemporaryFolder()
    for name in ["b", "B", "a10", "a9", "é", ".hidden"] { try FileSystem.writeSmallFile(folder(name), []) }
    #expect(try FileSystem.list(folder.path) == [".hidden", "B", "a10", "a9", "b", "é"])
  }

  @Test func aNameThatIsNotUTF8IsRefused() throws {
    let folder = try TemporaryFolder()
    let path = Array(folder.path.utf8CString.dropLast()) + [CChar(47), -1, 0]
    let descriptor = open(path, O_CREAT | O_WRONLY, 0o600)
    #expect(descriptor >= 0)
    close(descriptor)
    let root = folder.path
    #expect(error { () throws(MimoError) in _ = try FileSystem.list(root) }?.message.contains("UTF-8") == true)
    unlink(path)
  }

  @Test func removingATreeLeavesWhatItsLinksLeadTo() throws {
    let folder = try TemporaryFolder()
    try FileSystem.createDirectories(folder("kept"))
    try FileSystem.writeSmallFile(folder("kept/file"), [1])
    try FileSystem.createDirectories(folder("gone/deep/er"))
    try FileSystem.writeSmallFile(folder("gone/deep/file"), [1])
    #expect(symlink(folder("kept"), folder("gone/link")) == 0)
    try FileSystem.removeTree(folder("gone"))
    #expect(try FileSystem.list(folder.path) == ["kept"])
    #expect(try FileSystem.readSmallFile(folder("kept/file")) == [1])
  }

  @Test func renameNoReplaceKeepsWhatIsThere() throws {
    let folder = try TemporaryFolder()
    let (a, b) = (folder("a"), folder("b"))
    try FileSystem.writeSmallFile(a, [1])
    try FileSystem.writeSmallFile(b, [2])
    #expect(error { () throws(MimoError) in try FileSystem.renameNoReplace(a, to: b) }?.errno == EEXIST)
    #expect(try FileSystem.readSmallFile(b) == [2])
    try FileSystem.renameNoReplace(a, to: folder("c"))
    #expect(try FileSystem.list(folder.path) == ["b", "c"])
  }

  @Test func renameNoReplaceAlsoWorksWhereTheKernelCanNot() throws {
    let folder = try TemporaryFolder()
    let (a, b, c) = (folder("a"), folder("b"), folder("c"))
    try FileSystem.writeSmallFile(a, [1])
    try FileSystem.writeSmallFile(b, [2])
    let error = error { () throws(MimoError) in
      try FaultInjection.with({ $0 == .rename && $1 == b ? .failure(EINVAL) : nil }) {
        () throws(MimoError) in try FileSystem.renameNoReplace(a, to: b)
      }
    }
    #expect(error?.errno == EEXIST)
    // Only the first rename, the one with the flag, fails.
    let first = FirstOnly()
    try FaultInjection.with({ $0 == .rename && $1 == c && first.next() ? .failure(EINVAL) : nil }) {
      () throws(MimoError) in try FileSystem.renameNoReplace(a, to: c)
    }
    #expect(try FileSystem.readSmallFile(c) == [1])
  }

  @Test(arguments: [false, true]) func copiedFilesAreEqual(_ kernelRefuses: Bool) throws {
    let folder = try TemporaryFolder()
    let bytes = (0..<3_000_001).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let (source, target) = (folder("a"), folder("b"))
    try FileSystem.writeSmallFile(source, bytes)
    let count = try FaultInjection.with({
      kernelRefuses && $0 == .copyFileRange && $1 == target ? .failure(EXDEV) : nil
    }) { () throws(MimoError) in try FileSystem.copyFile(source, to: target) }
    #expect(count == UInt64(bytes.count))
    #expect(try FileSystem.readSmallFile(target) == bytes)
  }

  @Test func aFileLargerThanTheLimitIsNotRead() throws {
    let folder = try TemporaryFolder()
    let path = folder("a")
    try FileSystem.writeSmallFile(path, [1, 2, 3])
    let error = error { () throws(MimoError) in _ = try FileSystem.readSmallFile(path, limit: 2) }
    #expect(error?.message.contains("at most 2") == true)
  }

  @Test(arguments: [
    ("a/b", "a", "b"), ("a/b//", "a", "b"), ("/a", "/", "a"), ("a", ".", "a"), ("/", "/", ""), ("a//b", "a/", "b"),
  ])
  func pathsAreSplit(_ path: String, _ parent: String, _ name: String) {
    #expect(FileSystem.split(path) == (parent, name))
  }

  @Test func factsOfAFile() throws {
    let folder = try TemporaryFolder()
    try FileSystem.writeSmallFile(folder("a"), [1, 2])
    #expect(symlink("a", folder("link")) == 0)
    #expect(try FileSystem.info(at: folder("a")).kind == .regular)
    #expect(try FileSystem.info(at: folder("a")).size == 2)
    #expect(try FileSystem.info(at: folder("a")).modified > 1_600_000_000_000_000_000)
    #expect(try FileSystem.info(at: folder("link")).kind == .symbolicLink)
    #expect(try FileSystem.infoFollowingLinks(at: folder("link")) == FileSystem.info(at: folder("a")))
    #expect(try FileSystem.freeSpace(at: folder.path) > 0)
  }
}
