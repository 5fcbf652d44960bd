import FuzzTargets
import Glibc
import LibFuzzer

// mimo-fuzz TARGET [libFuzzer's options] [CORPUS...]

let arguments = CommandLine.arguments
guard arguments.count > 1, let target = FuzzTarget.named(arguments[1]) else {
  print("usage: mimo-fuzz TARGET [OPTIONS OF LIBFUZZER] [CORPUS...]")
  print("targets: " + FuzzTarget.all.map(\.name).joined(separator: " "))
  exit(2)
}

/// libFuzzer hands inputs to a C function, which can not carry the target with it.
let chosen = target

var strings: [UnsafeMutablePointer<CChar>?] = ([arguments[0]] + arguments.dropFirst(2)).map { strdup($0) } + [nil]
var count = CInt(strings.count - 1)
exit(
  strings.withUnsafeMutableBufferPointer { list in
    var start = list.baseAddress
    return LLVMFuzzerRunDriver(&count, &start) { bytes, count in
      chosen.check([UInt8](UnsafeBufferPointer(start: bytes, count: count)))
      return 0
    }
  })
