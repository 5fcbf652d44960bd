import MimoSystem
import PluginABI

/// The file itself, read without loading it.
extension Rule {
  /// Ends of sections, which some linkers export of every library.
  private static let linkerMarks: Set = ["_end", "_edata", "__bss_start", "_init", "_fini"]

  static let library = [
    Rule(
      101, "exports-the-entry-alone", "the library exports \(MIMO_ENTRY_SYMBOL) and no other symbol",
      otherwise: "a name that two libraries export may be bound to the wrong one"
    ) { (subject) throws(MimoError) in
      let exported = try LibraryFile(subject.path).exported()
      let others = exported.filter { $0 != MIMO_ENTRY_SYMBOL && !linkerMarks.contains($0) }.map { "it exports \($0)" }
      return Verdict((exported.contains(MIMO_ENTRY_SYMBOL) ? [] : ["it does not export \(MIMO_ENTRY_SYMBOL)"]) + others)
    },
    Rule(
      102, "needs-libc-alone", "the library needs no other library than libc (and the dynamic linker)",
      otherwise: "it can not be loaded where that library is missing, or drags a second runtime into the process"
    ) { (subject) throws(MimoError) in
      let needed = try LibraryFile(subject.path).needed()
      return Verdict(
        needed.filter { !$0.hasPrefix("libc.so") && !$0.hasPrefix("ld-linux") }.map { "it needs \($0)" })
    },
  ]
}
