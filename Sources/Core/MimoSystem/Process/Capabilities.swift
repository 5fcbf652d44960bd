import Glibc

/// The rights that root is made of (linux/capability.h).
enum Capabilities {
  /// CAP_DAC_READ_SEARCH: reading files and folders of others, such as a plugin in somebody's home.
  private static let reading: UInt = 2
  private static let version: UInt32 = 0x2008_0522

  /// Effective, permitted and inheritable ones, of which this kernel's calls take two words each.
  private struct Words {
    var low: (effective: UInt32, permitted: UInt32, inheritable: UInt32) = (0, 0, 0)
    var high: (effective: UInt32, permitted: UInt32, inheritable: UInt32) = (0, 0, 0)
  }

  /// Gives up all but reading, here and in programs that are run from here on: limits can not be raised any more.
  static func keepReading() {
    for capability in UInt(0)..<64 where capability != reading { _ = ProcessControl.dropFromBounds(capability) }
    var header = (version: version, process: CInt(0))
    var words = Words()
    guard let capget = LinuxCalls.capget, let capset = LinuxCalls.capset, capget(&header, &words) == 0 else { return }
    let kept = words.low.permitted & (1 << reading)
    words = Words()
    words.low = (effective: kept, permitted: kept, inheritable: 0)
    _ = capset(&header, &words)
  }
}
