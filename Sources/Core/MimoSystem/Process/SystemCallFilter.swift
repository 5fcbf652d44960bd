import Glibc

/// A program for the kernel's system call filter: the process starts no others, and sends signals to itself alone.
///
/// The limits of processes do not bind root, and `kill` with the -1 of a fork that failed means everybody.
/// Layout: instructions of linux/filter.h, fields of seccomp_data in linux/seccomp.h.
struct SystemCallFilter {
  private struct Instruction {
    var code: UInt16
    var whenTrue: UInt8 = 0
    var whenFalse: UInt8 = 0
    var value: UInt32
  }

  private struct Program {
    var count: UInt16
    var start: UnsafeMutableRawPointer?
  }

  /// The fields of a call, by their place in memory; of arguments the low half.
  private enum Field {
    static let number: UInt32 = 0
    static let architecture: UInt32 = 4
    static let firstArgument: UInt32 = 16
  }

  private static let threadFlag: UInt32 = 0x10000
  private var program: [Instruction] = []

  init(process: pid_t, allowsThreads: Bool) {
    typealias Calls = SystemCallNumbers
    let own = UInt32(bitPattern: process)
    program = [load(Field.architecture), jump(.equal, Calls.architecture, over: 1), refuse(EPERM), load(Field.number)]
    if let foreign = Calls.firstForeign { program += [jump(.less, foreign, over: 1), refuse(EPERM)] }
    let threads = [load(Field.firstArgument), jump(.has, SystemCallFilter.threadFlag, over: 1), refuse(EAGAIN), allow]
    on(Calls.clone, allowsThreads ? threads : [refuse(EAGAIN)])
    // Its flags lie in memory; libc goes on with clone.
    on(Calls.clone3, [refuse(ENOSYS)])
    for call in Calls.forks { on(call, [refuse(EAGAIN)]) }
    for call in Calls.signals { on(call, [load(Field.firstArgument), jump(.equal, own, over: 1), refuse(EPERM), allow]) }
    for call in Calls.intrusions { on(call, [refuse(EPERM)]) }
    // 0 is the caller.
    let ownLimits = [
      load(Field.firstArgument), jump(.equal, 0, over: 2), jump(.equal, own, over: 1), refuse(EPERM), allow,
    ]
    on(Calls.limits, ownLimits)
    program.append(allow)
  }

  /// Kernels without filters have the limits alone.
  func install() {
    var program = program
    program.withUnsafeMutableBytes { bytes in
      var header = Program(count: UInt16(self.program.count), start: bytes.baseAddress)
      _ = ProcessControl.filterCalls(&header)
    }
  }

  /// Judges one call by a part that comes to an end of its own.
  private mutating func on(_ call: UInt32, _ judge: [Instruction]) {
    program.append(Instruction(code: Condition.equal.rawValue, whenFalse: UInt8(judge.count), value: call))
    program += judge
  }

  private enum Condition: UInt16 {
    case equal = 0x15
    /// The other way round in the instruction: jumps when it is not at least that.
    case less = 0x35
    case has = 0x45
  }

  private func jump(_ condition: Condition, _ value: UInt32, over count: UInt8) -> Instruction {
    condition == .less
      ? Instruction(code: condition.rawValue, whenFalse: count, value: value)
      : Instruction(code: condition.rawValue, whenTrue: count, value: value)
  }

  private func load(_ field: UInt32) -> Instruction { Instruction(code: 0x20, value: field) }
  private func refuse(_ code: CInt) -> Instruction { Instruction(code: 0x06, value: 0x0005_0000 | UInt32(code)) }
  private var allow: Instruction { Instruction(code: 0x06, value: 0x7FFF_0000) }
}

/// Numbers of system calls of this machine (asm/unistd.h).
private enum SystemCallNumbers {
  static let clone3: UInt32 = 435
  private static let signalByDescriptor: UInt32 = 424

  #if arch(x86_64)
    /// AUDIT_ARCH_X86_64.
    static let architecture: UInt32 = 0xC000_003E
    /// From here on numbers are those of x32, which are other names for the same calls.
    static let firstForeign: UInt32? = 0x4000_0000
    static let clone: UInt32 = 56
    /// fork, vfork.
    static let forks: [UInt32] = [57, 58]
    /// kill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo: the process comes first.
    static let signals: [UInt32] = [62, 234, 129, 297]
    /// ptrace, tkill, process_vm_writev.
    static let intrusions: [UInt32] = [101, 200, 311, signalByDescriptor]
    static let limits: UInt32 = 302
  #elseif arch(arm64)
    /// AUDIT_ARCH_AARCH64.
    static let architecture: UInt32 = 0xC000_00B7
    static let firstForeign: UInt32? = nil
    static let clone: UInt32 = 220
    static let forks: [UInt32] = []
    static let signals: [UInt32] = [129, 131, 138, 240]
    static let intrusions: [UInt32] = [117, 130, 271, signalByDescriptor]
    static let limits: UInt32 = 261
  #else
    #error("name the system calls of this architecture")
  #endif
}
