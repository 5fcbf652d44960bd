import Glibc
import MimoSystem
import Testing

@Suite struct StagedDirectoryTests {
  @Test func publishedContentsAppearWholeAndNothingElseRemains() throws {
    let folder = try TemporaryFolder()
    let staged = try StagedDirectory(for: folder("out/"))
    let path = staged.path
    #expect(FileSystem.split(path).name.hasPrefix(".out.mimo-host-\(getpid())-"))
    try FileSystem.createDirectory(path + "/sub")
    try FileSystem.writeSmallFile(path + "/sub/a", [1])
    #expect(try !FileSystem.exists(folder("out")))
    try staged.publish(replacing: false)
    #expect(try FileSystem.list(folder.path) == ["out"])
    #expect(try FileSystem.readSmallFile(folder("out/sub/a")) == [1])
  }

  @Test func unpublishedWorkIsRemoved() throws {
    let folder = try TemporaryFolder()
    do {
      let staged = try StagedDirectory(for: folder("out"))
      try FileSystem.writeSmallFile(staged.path + "/a", [1])
    }
    #expect(try FileSystem.list(folder.path).isEmpty)
    let staged = try StagedDirectory(for: folder("out"))
    try staged.discard()
    #expect(try FileSystem.list(folder.path).isEmpty)
  }

  @Test func anExistingDestinationIsRefused() throws {
    let folder = try TemporaryFolder()
    let out = folder("out")
    try FileSystem.createDirectory(out)
    let refusals = [
      error { () throws(MimoError) in try StagedDirectory.refuseExisting(out) },
      error { () throws(MimoError) in try StagedDirectory(for: out).publish(replacing: false) },
    ]
    for refusal in refusals {
      #expect(refusal?.code == .usage)
      #expect(refusal?.description == "\(out): exists already. --overwrite replaces it")
    }
    #expect(try FileSystem.list(folder.path) == ["out"])
  }

  @Test func replacingLeavesOnlyTheNewContents() throws {
    let folder = try TemporaryFolder()
    try FileSystem.createDirectory(folder("out"))
    try FileSystem.writeSmallFile(folder("out/old"), [1])
    let staged = try StagedDirectory(for: folder("out"))
    try FileSystem.writeSmallFile(staged.path + "/new", [2])
    try staged.publish(replacing: true)
    #expect(try FileSystem.list(folder.path) == ["out"])
    #expect(try FileSystem.list(folder("out")) == ["new"])
  }

  @Test func aFailedReplacementBringsTheOldContentsBack() throws {
    let folder = try TemporaryFolder()
    let out = folder("out")
    try FileSystem.createDirectory(out)
    try FileSystem.writeSmallFile(out + "/old", [1])
    let first = FirstOnly()
    let error = error { () throws(MimoError) in
      // The first rename to the destination is the one that publishes, the second the one that restores.
      try FaultInjection.with({ $0 == .rename && $1 == out && first.next() ? .failure(EIO) : nil }) {
        () throws(MimoError) in try StagedDirectory(for: out).publish(replacing: true)
      }
    }
    #expect(error?.errno == EIO)
    #expect(try FileSystem.list(folder.path) == ["out"])
    #expect(try FileSystem.list(out) == ["old"])
  }

  @Test func aFailedSyncPublishesNothing() throws {
    let folder = try TemporaryFolder()
    let out = folder("out")
    let error = error { () throws(MimoError) in
      try FaultInjection.with({ $0 == .fsync && $1.hasPrefix(folder.path) ? .failure(ENOSPC) : nil }) {
        () throws(MimoError) in
        let staged = try StagedDirectory(for: out)
        try FileSystem.copyFile("/proc/self/status", to: staged.path + "/a")
        try staged.publish(replacing: false)
      }
    }
    #expect(error?.errno == ENOSPC)
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
          () throws(MimoError) in
          let staged = try StagedDirectory(for: out)
          let path = staged.path
          try FileSystem.createDirectory(path + "/sub")
          try FileSystem.writeSmallFile(path + "/sub/new", [2])
          try staged.publish(replacing: true)
        }
      }
      let names = try FileSystem.list(out)
      #expect(names == ["old"] || names == ["sub"], "call \(number)")
      if names == ["old"] {
        #expect(error?.errno == code, "call \(number)")
        #expect(try FileSystem.list(root) == ["out"], "call \(number) leaves nothing behind")
      }
      if names == ["sub"] { #expect(try FileSystem.readSmallFile(out + "/sub/new") == [2]) }
      if names == ["sub"] && error == nil { break }
      failed += 1
    }
    #expect(failed > 20)
  }

  @Test(arguments: ["none/out", "..", "out/."]) func impossibleDestinationsAreRefused(_ name: String) throws {
    let folder = try TemporaryFolder()
    try FileSystem.createDirectory(folder("out"))
    let path = folder(name)
    #expect(error { () throws(MimoError) in _ = try StagedDirectory(for: path) }?.code == .usage)
    #expect(try FileSystem.list(folder.path) == ["out"])
  }
}
