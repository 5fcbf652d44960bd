import Glibc
import MimoPluginHost
import MimoSystem

extension Finding.Residue {
  /// Equal spans of calls whose growth is compared: memory that only a leak asks for grows in each.
  private static let spans = 4

  /// Lets the plugin describe one model again and again; what this process holds more of afterwards.
  static func after(
    _ plugin: LoadedPlugin, _ request: DescribeRequest, _ times: Int
  ) throws(MimoError) -> Finding.Residue {
    let descriptors = try FileSystem.list("/proc/self/fd").count
    let threads = try FileSystem.list("/proc/self/task").count
    // A plugin that has taken all descriptors leaves none to count them with.
    let reserve = try FileDescriptor.open("/dev/null", O_RDONLY)
    // The first calls fill caches of the allocator.
    for _ in 0..<times { _ = try TrialServer.run(plugin, request) }
    var growth: [Int] = []
    for _ in 0..<spans {
      let before = ProcessUsage.residentBytes ?? 0
      for _ in 0..<times { _ = try TrialServer.run(plugin, request) }
      growth.append((ProcessUsage.residentBytes ?? 0) - before)
    }
    _ = consume reserve
    return Finding.Residue(
      descriptors: try FileSystem.list("/proc/self/fd").count - descriptors,
      threads: try FileSystem.list("/proc/self/task").count - threads, growth: growth)
  }
}
