import Glibc

/// A bound on this process's memory, and how much of it is left.
package struct MemoryLimit: Sendable, Equatable {
  /// What is counted.
  package enum Kind: Sendable {
    /// Pages that are used.
    case used
    /// Addresses, used or not: stacks of threads and gaps of the heap count too.
    case addresses
  }

  /// Who sets it, as an error names it.
  package var name: String
  package var kind: Kind
  /// Bytes that may still be taken.
  package var free: Int

  package init(name: String, kind: Kind, free: Int) {
    self.name = name
    self.kind = kind
    self.free = free
  }

  /// All that bound this process now.
  ///
  /// - Parameters:
  ///   - proc: where the kernel tells of processes.
  ///   - cgroups: where it tells of control groups.
  package static func all(proc: String = "/proc", cgroups: String = "/sys/fs/cgroup") -> [MemoryLimit] {
    var limits = ControlGroups(process: proc + "/self/cgroup", root: cgroups).limits
    if let free = KernelText.number("MemAvailable:", in: KernelText.lines(of: proc + "/meminfo")) {
      limits.append(MemoryLimit(name: "this machine", kind: .used, free: free * 1024))
    }
    let status = KernelText.lines(of: proc + "/self/status")
    let resources = [("VmSize:", RLIMIT_AS, "ulimit -v"), ("VmData:", RLIMIT_DATA, "ulimit -d")]
    for (field, resource, name) in resources {
      guard let most = bound(resource), let used = KernelText.number(field, in: status) else { continue }
      limits.append(MemoryLimit(name: name, kind: .addresses, free: max(0, most - used * 1024)))
    }
    return limits
  }

  /// Bytes of addresses that are always left to what the language and the libraries take by themselves: they end the
  /// program where they get none.
  package static let spareAddresses = 32 << 20

  /// Throws where less than that is left at the start, and where it is bounded keeps the heap to one place: each of its
  /// further ones, one a thread, takes 64 MiB of addresses.
  package static func prepare() throws(MimoError) {
    guard let limit = all().filter({ $0.kind == .addresses }).min(by: { $0.free < $1.free }) else { return }
    _ = LinuxCalls.mallopt?(LinuxCalls.mostHeaps, 1)
    guard limit.free < spareAddresses else { return }
    throw MimoError(
      .system, "\(limit.name) leaves \(limit.free >> 20) MiB of addresses, less than the \(spareAddresses >> 20) MiB that mimo-host needs",
      remedy: "Raise it", errno: ENOMEM)
  }

  /// nil for no limit.
  private static func bound(_ resource: __rlimit_resource) -> Int? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0 else { return nil }
    return Int(exactly: limit.rlim_cur)
  }
}

/// The control groups that a process is in, of either version, from the root down.
private struct ControlGroups {
  /// Of each memory limit: the file of the bound, that of the use, and the word for the pages in that which can be dropped.
  private var files: [(bound: String, use: String, statistics: String, dropped: String)] = []

  init(process: String, root: String) {
    for line in KernelText.lines(of: process) ?? [] {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let isSecond = fields[1].isEmpty
      guard isSecond || fields[1].split(separator: ",").contains("memory") else { continue }
      var folder = isSecond ? root : root + "/memory"
      // Within a container the path may be that of the host: then only the root is there.
      for step in [""] + fields[2].split(separator: "/").map({ "/" + $0 }) {
        folder += step
        files.append(
          isSecond
            ? (folder + "/memory.max", folder + "/memory.current", folder + "/memory.stat", "inactive_file")
            : (folder + "/memory.limit_in_bytes", folder + "/memory.usage_in_bytes", folder + "/memory.stat",
              "total_inactive_file"))
      }
    }
  }

  var limits: [MemoryLimit] {
    files.compactMap { file in
      guard let bound = KernelText.lines(of: file.bound)?.first.flatMap({ Int($0) }), bound < ControlGroups.none,
        let used = KernelText.lines(of: file.use)?.first.flatMap({ Int($0) })
      else { return nil }
      let dropped = KernelText.number(file.dropped, in: KernelText.lines(of: file.statistics)) ?? 0
      return MemoryLimit(
        name: "the control group's \(file.bound)", kind: .used, free: max(0, bound - max(0, used - dropped)))
    }
  }

  /// The first version's number for no limit is near this.
  private static let none = 1 << 60
}
