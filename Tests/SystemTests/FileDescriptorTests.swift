import Glibc
import MimoSystem
import Testing

/// Which numbers files get, and when locks end.
@Suite struct FileDescriptorTests {
  /// Each in a process of its own, whose streams may be closed.
  @Test func noFileGetsTheNumberOfAStreamThatWasClosed() async {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      for stream in 0...2 as ClosedRange<Int32> { close(stream) }
      let file = try File.create(folder("a"))
      #expect(try file.withDescriptor { $0 } > 2)
      #expect(try FileSystem.list(folder.path) == ["a"])
      var answer: [UInt8] = []
      let child = ChildProcess(executable: "/bin/sh", arguments: ["-c", "cat >&3"], timeout: .seconds(60))
      #expect(try child.run([1, 2, 3]) { answer += $0 }.end == .exited(0))
      #expect(answer == [1, 2, 3])
    }
  }

  @Test func streamsThatWereClosedAreOpenedForNothing() async {
    await #expect(processExitsWith: .success) {
      for stream in 0...2 as ClosedRange<Int32> { close(stream) }
      #expect(StandardStreams.keepOpen())
      for stream in 0...2 as ClosedRange<Int32> {
        var byte: UInt8 = 0
        #expect(read(stream, &byte, 1) == 0)
        #expect(write(stream, &byte, 1) == -1 && errno == EBADF)
        #expect(!StandardStreams.isWritable(stream))
      }
    }
  }

  @Test func aStreamThatIsOpenStaysWhatItIs() async {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      let file = try File.create(folder("log"))
      _ = try file.withDescriptor { dup2($0, 2) }
      close(1)
      #expect(StandardStreams.keepOpen())
      #expect(StandardStreams.isWritable(2) && !StandardStreams.isWritable(1))
      write(2, "x", 1)
      #expect(try file.size() == 1)
    }
  }

  /// What a process that another thread is just starting holds of a lock until it runs its program.
  @Test(arguments: [true, false]) func aLockEndsWhoeverHoldsACopyOfItsDescriptor(isExplicit: Bool) throws {
    let folder = try TemporaryFolder()
    var file: File? = try File.create(folder("lock"))
    #expect(try file?.lock() == true)
    let copy = try #require(try file?.withDescriptor { dup($0) })
    defer { close(copy) }
    let other = try File.openForUpdating(folder("lock"))
    #expect(try !other.lock())
    if isExplicit { file?.unlock() } else { file = nil }
    #expect(try other.lock())
    // The end of a file that gave its lock up takes nothing from who has it now.
    file = nil
    let last = try File.openForUpdating(folder("lock"))
    #expect(try !last.lock())
  }

  /// The child has the descriptor itself, as between its start and its program.
  @Test func aLockEndsWhileAChildHasInheritedIt() throws {
    let folder = try TemporaryFolder()
    let out = folder("out")
    let first = try WorkFolder(for: out)
    let copy = try first.journal.withDescriptor { dup($0) }
    defer { close(copy) }
    let child = ChildProcess(
      executable: "/bin/sh", arguments: ["-c", "echo >&3; exec sleep 1000"], timeout: .seconds(60))
    let end = error { () throws(MimoError) in
      _ = try child.run([]) { _ throws(MimoError) in
        first.release()
        _ = try WorkFolder(for: out)
        throw MimoError(.difference, "enough")
      }
    }
    #expect(end?.code == .difference, "\(String(describing: end))")
  }
}
