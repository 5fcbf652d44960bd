import Glibc

/// Calls of prctl, by what they are for (linux/prctl.h).
enum ProcessControl {
  /// This process gets `signal` when its parent ends.
  static func endWithParent(_ signal: CInt) { call(1, UInt(signal)) }

  /// Descendants whose parents end become children of this process, not of init.
  static func adoptOrphans() { call(36, 1) }

  /// No program that is run from here on has more rights than this one.
  static func forgoPrivileges() -> Bool { call(38, 1) }

  /// Takes one capability out of all that programs run from here on can have.
  static func dropFromBounds(_ capability: UInt) -> Bool { call(24, capability) }

  /// Lets a program of the kernel's filter language judge each system call.
  static func filterCalls(_ program: UnsafeRawPointer) -> Bool { call(22, 2, UInt(bitPattern: program)) }

  @discardableResult
  private static func call(_ option: CInt, _ first: UInt, _ second: UInt = 0) -> Bool {
    LinuxCalls.prctl?(option, first, second, 0, 0) == 0
  }
}
