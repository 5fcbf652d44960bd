import Glibc
import MimoSystem
import Testing

@Suite struct WorkFolderTests {
  /// A work folder with this file in its result.
  private func made(for out: String, _ name: String = "new") throws(MimoError) -> WorkFolder {
    let work = try WorkFolder(for: out)
    try work.reset()
    try FileSystem.writeSmallFile(FileSystem.join(work.result, name), [2])
    return work
  }

  @Test func publishedContentsAppearWholeAndNothingElseRemains() throws {
    let folder = try TemporaryFolder()
    let work = try WorkFolder(for: folder("out/"))
    #expect(FileSystem.split(work.path).name == ".out.mimo-host-work")
    #expect(try FileSystem.info(at: work.path).permissions == 0o700)
    try work.reset()
    try FileSystem.createDirectory(work.result + "/sub")
    try FileSystem.writeSmallFile(work.result + "/sub/a", [1])
    #expect(try !FileSystem.exists(folder("out")))
    try work.publish(replacing: false)
    #expect(try FileSystem.list(folder.path) == ["out"])
    #expect(try FileSystem.readSmallFile(folder("out/sub/a")) == [1])
  }

  @Test func anExistingDestinationIsRefused() throws {
    let folder = try TemporaryFolder()
    let out = folder("out")
    try FileSystem.createDirectory(out)
    let work = try made(for: out)
    let refusal = error { () throws(MimoError) in try work.publish(replacing: false) }
    #expect(refusal?.code == .usage && refusal?.errno == EEXIST && refusal?.path == out)
    #expect(refusal?.description.contains("was not there when this run began") == true)
    #expect(refusal?.remedy == "Move it away")
    try work.remove()
    #expect(try FileSystem.list(folder.path) == ["out"])
  }

  @Test func replacingLeavesOnlyTheNewContents() throws {
    let folder = try TemporaryFolder()
    try FileSystem.createDirectory(folder("out"))
    try FileSystem.writeSmallFile(folder("out/old"), [1])
    try made(for: folder("out")).publish(replacing: true)
    #expect(try FileSystem.list(folder.path) == ["out"])
    #expect(try FileSystem.list(folder("out")) == ["new"])
  }

  @Test func aFailedReplacementBringsTheOldContentsBack() throws {
    let folder = try TemporaryFolder()
    let out = folder("out")
    try FileSystem.createDirectory(out)
    try FileSystem.writeSmallFile(out + "/old", [1])
    let first = FirstOnly()
    let work = try made(for: out)
    let error = error { () throws(MimoError) in
      // The first rename to the destination is the one that publishes.
      try FaultInjection.with({ $0 == .rename && $1 == out && first.next() ? .failure(EIO) : nil }) {
        () throws(MimoError) in try work.publish(replacing: true)
      }
    }
    #expect(error?.errno == EIO)
    #expect(try FileSystem.list(out) == ["old"])
    try work.remove()
    #expect(try FileSystem.list(folder.path) == ["out"])
  }

  @Test func aFailedSyncPublishesNothing() throws {
    let folder = try TemporaryFolder()
    let out = folder("out")
    let work = try made(for: out)
    let error = error { () throws(MimoError) in
      try FaultInjection.with({ $0 == .fsync && $1.hasPrefix(folder.path) ? .failure(ENOSPC) : nil }) {
        () throws(MimoError) in try work.publish(replacing: false)
      }
    }
    #expect(error?.errno == ENOSPC)
    try work.remove()
    #expect(try FileSystem.list(folder.path).isEmpty)
  }

  @Test(arguments: [EIO, ENOSPC, EACCES]) func whicheverCallFailsTheDestinationIsWholeOldOrWholeNew(_ code: Int32)
    throws
  {
    var failed = 0
    for number in 1... {
      let folder = try TemporaryFolder()
      let (root, out) = (folder.path, folder("out"))
      try FileSystem.createDirectory(out)
      try FileSystem.writeSmallFile(out + "/old", [1])
      let calls = CallCounter()
      let error = error { () throws(MimoError) in
        try FaultInjection.with({ $1.hasPrefix(root) && calls.next() == number ? .failure(code) : nil }) {
          () throws(MimoError) in try made(for: out).publish(replacing: true)
        }
      }
      // What the next run does: it puts right what was left between two renames, and tidies up.
      try WorkFolder(for: out).remove()
      let names = try FileSystem.list(out)
      #expect(names == ["old"] || names == ["new"], "call \(number)")
      #expect(try FileSystem.list(root) == ["out"], "call \(number) leaves nothing behind")
      if names == ["new"] { #expect(try FileSystem.readSmallFile(out + "/new") == [2]) }
      if names == ["new"] && error == nil && calls.next() <= number { break }
      failed += 1
    }
    #expect(failed > 20)
  }

  @Test(arguments: ["none/out", "..", "out/."]) func impossibleDestinationsAreRefused(_ name: String) throws {
    let folder = try TemporaryFolder()
    try FileSystem.createDirectory(folder("out"))
    let path = folder(name)
    #expect(error { () throws(MimoError) in _ = try WorkFolder(for: path) }?.code == .usage)
    #expect(try FileSystem.list(folder.path) == ["out"])
  }

  // MARK: Names that lead elsewhere by now

  /// Somebody renames a folder above the work and puts another in its place.
  @Test(arguments: ["shared", "shared/.out.mimo-host-work"]) func nothingGoesThroughARenamedFolder(_ name: String) throws {
    let folder = try TemporaryFolder()
    try FileSystem.createDirectory(folder("shared"))
    let work = try made(for: folder("shared/out"))
    #expect(rename(folder(name), folder("away")) == 0)
    // Not by our own calls, which know better where these names lead.
    for impostor in ["shared", "shared/.out.mimo-host-work", "shared/.out.mimo-host-work/out"] { mkdir(folder(impostor), 0o777) }
    let planted = folder("shared/.out.mimo-host-work/out/new")
    let descriptor = creat(planted, 0o666)
    #expect(descriptor >= 0)
    close(descriptor)
    try FileSystem.writeSmallFile(FileSystem.join(work.result, "more"), [3])
    try work.publish(replacing: false)
    // Where the work began, whatever that is called now.
    let real = name == "shared" ? folder("away/out") : folder("shared/out")
    work.release()
    #expect(try FileSystem.list(real) == ["more", "new"])
    #expect(try FileSystem.readSmallFile(FileSystem.join(real, "new")) == [2])
    #expect(access(planted, F_OK) == 0, "what is not ours is not removed")
  }

  @Test func removingATreeDoesNotFollowALinkThatTookAFoldersPlace() throws {
    let folder = try TemporaryFolder()
    try FileSystem.createDirectories(folder("tree/sub"))
    try FileSystem.createDirectory(folder("precious"))
    try FileSystem.writeSmallFile(folder("precious/a"), [1])
    let (sub, precious) = (folder("tree/sub"), folder("precious"))
    _ = error { () throws(MimoError) in
      // Between the look at the folder and its opening.
      try FaultInjection.with({ call, path in
        guard call == .open, path == sub else { return nil }
        rmdir(sub)
        symlink(precious, sub)
        return nil
      }) { () throws(MimoError) in try FileSystem.removeTree(folder("tree")) }
    }
    #expect(try FileSystem.list(folder("precious")) == ["a"])
  }
}
