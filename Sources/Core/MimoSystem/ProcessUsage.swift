import Glibc

/// What this process uses.
package enum ProcessUsage {
  /// Most bytes of memory that were resident at once; nil where /proc does not tell.
  package static var peakResidentBytes: Int? { statusField("VmHWM:") }

  /// Bytes of memory resident now.
  package static var residentBytes: Int? { statusField("VmRSS:") }

  /// Processors that this process may run on (taskset, cgroup cpusets), at least 1.
  package static var processorCount: Int {
    var mask = [UInt8](repeating: 0, count: 1024)
    if let schedGetaffinity = LinuxCalls.schedGetaffinity {
      let size = mask.withUnsafeMutableBytes { buffer in
        buffer.baseAddress.map { schedGetaffinity(0, buffer.count, $0) } ?? -1
      }
      if size >= 0 { return max(mask.reduce(0) { $0 + $1.nonzeroBitCount }, 1) }
    }
    return max(sysconf(CInt(_SC_NPROCESSORS_ONLN)), 1)
  }

  /// A field of /proc/self/status, which gives kibibytes.
  private static func statusField(_ name: String) -> Int? {
    guard let stream = fopen("/proc/self/status", "re") else { return nil }
    defer { fclose(stream) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, CInt(line.count), stream) != nil {
      let text = String(decoding: line.prefix(while: { $0 != 0 }).map(UInt8.init(bitPattern:)), as: UTF8.self)
      guard text.hasPrefix(name) else { continue }
      return text.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }.map {
        $0 * 1024
      }
    }
    return nil
  }
}

/// Time that only moves forward.
package enum MonotonicClock {
  /// Seconds since an arbitrary moment.
  package static func seconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
