import MimoSystem
import Synchronization
import Testing

/// The model of a disk: what it may lose, and what it must keep.
struct ModelDiskTests {
  /// Makes changes below a folder; the model's states after them, each as the drawn states show it at least once.
  private static func states(
    after body: (String) throws -> Void, draws: Int = 300
  ) throws -> (everything: DiskState, nothing: DiskState, some: [DiskState]) {
    let folder = try TemporaryFolder()
    var disk = try ModelDisk(root: folder.path, untouched: [])
    let log = Mutex<[StorageChange]>([])
    let outcome = try StorageRecorder.with(root: folder.path, { change in log.withLock { $0.append(change) } }) {
      () throws(MimoError) in Result { try body(folder.path) }
    }
    try outcome.get()
    for change in log.withLock({ $0 }) { disk.apply(change) }
    var random = SplitMix64(state: 7)
    let nothing = disk.state(after: .nothing, &random)
    let found = try ModelDisk(root: folder.path, untouched: []).state(after: .everything, &random)
    #expect(nothing.isSame(as: found), "all that was changed was told")
    return (disk.state(after: .everything, &random), nothing, (0..<draws).map { _ in disk.state(after: .some, &random) })
  }

  @Test func aFileWithoutASyncOfItsFolderMayBeAbsent() throws {
    let states = try Self.states { root in try FileSystem.writeSmallFile(root + "/a", [1]) }
    #expect(states.everything.files.isEmpty)
    #expect(states.some.contains { $0.files["a"] != nil })
  }

  @Test func whatIsSyncedIsInEveryState() throws {
    let states = try Self.states { root in
      let file = try File.create(root + "/a")
      try file.write([1, 2, 3], at: 0)
      try file.sync()
      try FileSystem.syncDirectory(root)
      try file.write([9], at: 1)
    }
    #expect(states.everything.files["a"]?.bytes == [1, 2, 3])
    #expect(Set(states.some.map { $0.files["a"]?.bytes }) == [[1, 2, 3], [1, 9, 3]])
  }

  @Test func bytesTearAtSectorsAndPagesAndSizesComeWithoutThem() throws {
    let new = [UInt8](repeating: 7, count: 8192)
    let states = try Self.states { root in
      let file = try File.create(root + "/a")
      try FileSystem.syncDirectory(root)
      try file.write(new, at: 0)
    }
    let seen = states.some.compactMap { $0.files["a"]?.bytes }
    #expect(seen.contains([]) && seen.contains(new) && seen.contains([UInt8](repeating: 0, count: 8192)))
    let sectors = seen.filter { bytes in stride(from: 0, to: bytes.count, by: 512).allSatisfy { Set(bytes[$0..<($0 + 512)]).count == 1 } }
    #expect(sectors.count == seen.count)
    #expect(seen.contains { $0.count == 8192 && $0[0] == 0 && $0[512] == 7 }, "a later sector without the one before it")
    #expect(seen.contains { $0.count == 4096 }, "a size on the way")
  }

  @Test func aShorterSizeMayNotBeThereYet() throws {
    let states = try Self.states { root in
      let file = try File.create(root + "/a")
      try file.write([1, 2, 3], at: 0)
      try file.sync()
      try FileSystem.syncDirectory(root)
      try file.resize(to: 1)
    }
    #expect(states.everything.files["a"]?.bytes == [1, 2, 3])
    #expect(states.nothing.files["a"]?.bytes == [1])
    #expect(states.some.contains { $0.files["a"]?.bytes == [1, 0, 0] }, "cut, and of its old size")
  }

  @Test func aRenameIsSeenWholeOrNotAtAll() throws {
    let states = try Self.states { root in
      try FileSystem.createDirectory(root + "/from")
      try FileSystem.createDirectory(root + "/to")
      try FileSystem.writeSmallFile(root + "/from/a", [1])
      for folder in ["", "/from", "/to"] { try FileSystem.syncDirectory(root + folder) }
      try FileSystem.rename(root + "/from/a", to: root + "/to/a")
    }
    let seen = Set(states.some.map { Set($0.files.keys) })
    #expect(seen == [["from/a"], ["to/a"]])
  }

  @Test func entriesOfOneFolderReachTheDiskInAnyOrder() throws {
    let states = try Self.states { root in
      for name in ["a", "b"] { _ = try File.create(root + "/" + name) }
    }
    #expect(Set(states.some.map { Set($0.files.keys) }) == [[], ["a"], ["b"], ["a", "b"]])
  }

  @Test func aSyncIsToldAfterTheWritesThatItCovers() throws {
    let folder = try TemporaryFolder()
    let log = Mutex<[StorageChange]>([])
    let path = folder("a")
    try StorageRecorder.with(root: folder.path, { change in log.withLock { $0.append(change) } }) { () throws(MimoError) in
      let file = try File.create(path)
      try Workers.run(count: 2) { worker throws(MimoError) in
        for round in 0..<100 {
          try file.write([UInt8(worker.index + 1)], at: UInt64(worker.index * 100 + round))
          try file.sync()
        }
      }
    }
    var written: Set<UInt64> = []
    var synced = 0
    for change in log.withLock({ $0 }) {
      if case .write(_, let offset, _) = change { written.insert(offset) }
      // Each worker's own write comes before its sync.
      if case .sync = change {
        synced += 1
        #expect(written.count >= synced)
      }
    }
    #expect(written.count == 200 && synced == 200)
  }
}
