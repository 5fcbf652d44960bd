import Foundation
import Glibc
import MimoSystem
import Testing

@Suite struct MemoryLimitTests {
  /// Files of a kernel that does not run here.
  private static func limits(
    _ folder: borrowing TemporaryFolder, process: String, _ files: [String: String]
  ) throws -> [MemoryLimit] {
    var all = files
    all["proc/self/cgroup"] = process
    for (path, text) in all {
      try FileSystem.createDirectories(FileSystem.split(folder(path)).parent)
      try FileSystem.writeSmallFile(folder(path), Array(text.utf8))
    }
    return MemoryLimit.all(proc: folder("proc"), cgroups: folder("cgroup")).filter { $0.kind == .used }
  }

  @Test func theMachineLeavesWhatIsAvailable() throws {
    let folder = try TemporaryFolder()
    let found = try Self.limits(
      folder, process: "", ["proc/meminfo": "MemTotal: 900 kB\nMemAvailable:      300 kB\nMemFree: 1 kB\n"])
    #expect(found == [MemoryLimit(name: "this machine", kind: .used, free: 300 << 10)])
  }

  @Test(
    arguments: [
      ("0::/job/step\n", "cgroup/job", "memory.max", "memory.current", "inactive_file"),
      ("7:cpu,memory:/job/step\n", "cgroup/memory/job", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ])
  func aControlGroupAboveLeavesItsBoundWithoutWhatCanNotBeDropped(
    _ process: String, _ group: String, _ bound: String, _ use: String, _ dropped: String
  ) throws {
    let folder = try TemporaryFolder()
    let found = try Self.limits(
      folder, process: process,
      [
        "\(group)/\(bound)": "1000\n", "\(group)/\(use)": "800\n", "\(group)/memory.stat": "anon 1\n\(dropped) 300\n",
        "\(group)/step/\(bound)": bound == "memory.max" ? "max\n" : "9223372036854771712\n", "\(group)/step/\(use)": "5\n",
      ])
    #expect(found == [MemoryLimit(name: "the control group's \(folder("\(group)/\(bound)"))", kind: .used, free: 500)])
  }

  @Test func insideAContainerTheRootIsTheGroup() throws {
    let folder = try TemporaryFolder()
    let found = try Self.limits(
      folder, process: "0::/of/the/host\n", ["cgroup/memory.max": "100\n", "cgroup/memory.current": "120\n"])
    #expect(found.map(\.free) == [0])
  }

  @Test func anOwnBoundOfAddressesIsCounted() async {
    await #expect(processExitsWith: .success) {
      let before = MemoryLimit.all().filter { $0.kind == .addresses }
      var limit = rlimit(rlim_cur: 1 << 47, rlim_max: 1 << 47)
      setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
      let found = try #require(MemoryLimit.all().first { $0.name == "ulimit -v" })
      let pages = try #require(Int(try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).prefix { $0 != " " }))
      let left = (1 << 47) - pages * 4096
      #expect(before.isEmpty && found.kind == .addresses)
      #expect(max(left, found.free) - min(left, found.free) < 1 << 30)
    }
  }
}

@Suite struct RawMemoryTests {
  @Test(arguments: [1 << 60, Int.max, -1]) func memoryThatIsNotThereIsAnError(_ count: Int) {
    let error = error { () throws(MimoError) in RawMemory.free(try RawMemory.allocate(count)) }
    #expect(error?.code == .system && error?.errno == ENOMEM)
    #expect(error?.message.contains("\(count) bytes") == true && error?.remedy?.contains("--memory") == true)
  }

  @Test func whatIsTakenCanBeUsedAndBeginsAPage() throws {
    let memory = try RawMemory.allocate(10_000)
    defer { RawMemory.free(memory) }
    memory.initializeMemory(as: UInt8.self, repeating: 7)
    #expect(memory.count == 10_000 && memory.allSatisfy { $0 == 7 })
    #expect(UInt(bitPattern: memory.baseAddress) % 4096 == 0)
  }

  @Test func toEnsureMemoryTakesNone() throws {
    let before = try #require(ProcessUsage.residentBytes)
    try RawMemory.ensure(1 << 32)
    #expect(try #require(ProcessUsage.residentBytes) - before < 64 << 20)
    let error = error { () throws(MimoError) in try RawMemory.ensure(1 << 60) }
    #expect(error?.errno == ENOMEM)
  }

  @Test func aFileOfDescriptionsThatNoMemoryHoldsIsRefusedBeforeItIsRead() throws {
    let folder = try TemporaryFolder()
    _ = try File.create(folder("huge.json"), size: 1 << 43)
    let path = folder("huge.json")
    let error = error { () throws(MimoError) in _ = try FileSystem.readSmallFile(path, limit: 1 << 50) }
    #expect(error?.code == .system && error?.path == path && error?.message.contains("of memory") == true)
  }
}
