import Glibc

/// The number of processes that a launcher says it started.
enum LauncherWorld {
  /// nil outside a launcher. A lone `WORLD_SIZE` is not taken for one: container images set it.
  static func size(of environment: (String) -> String? = variable) -> Int? {
    guard ["RANK", "LOCAL_RANK"].allSatisfy({ environment($0) != nil }) else { return nil }
    return environment("WORLD_SIZE").flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
  }

  private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
