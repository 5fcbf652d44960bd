import BadPlugins
import Foundation
import MimoConformance
import MimoPluginHost
import MimoSystem
import Testing

/// Each rule catches what it is there for.
@Suite(.enabled(if: BadPlugin.compiler != nil, "a C compiler is needed to make the bad plugins"))
struct RuleTests {
  struct Fault: Sendable, CustomTestStringConvertible {
    let rule: Int
    let plugin: String
    let says: String
    var file = "libToy.so"
    var flags: [String] = []
    var testDescription: String { "\(rule): \(plugin)" }

    init(_ rule: Int, _ plugin: String, _ says: String, file: String = "libToy.so", flags: [String] = []) {
      (self.rule, self.plugin, self.says, self.file, self.flags) = (rule, plugin, says, file, flags)
    }
  }

  static let faults = [
    Fault(101, "exports-more", "it exports helper"),
    Fault(102, "needs-libm", "it needs libm.so.6", flags: ["-lm"]),
    Fault(201, "takes-any-major", "it hands over its table all the same"),
    Fault(202, "reads-whole-offer", "crashed (SIGSEGV) in mimo_plugin_entry"),
    Fault(203, "writes-whole-answer", "crashed (SIGSEGV) in mimo_plugin_entry"),
    Fault(204, "wants-exact-structs", "it answers the status 2"),
    Fault(301, "crashes-on-load", "crashed (SIGSEGV) while it was loaded"),
    Fault(301, "crashes-on-unload", "crashed (SIGABRT) while it was unloaded"),
    Fault(302, "sound", "the file is libOther.so, the family Toy", file: "libOther.so"),
    Fault(303, "two-language-models", "2 components are language models"),
    Fault(304, "unknown-layout", "layout tokamak is unknown"),
    Fault(401, "crashes-in-describe", "crashed (SIGSEGV) in describe for layout megatron"),
    Fault(401, "aborts", "crashed (SIGABRT), saying 'toy: assertion failed', in describe for layout megatron"),
    Fault(401, "exits", "ended the process (exit code 0) in describe for layout megatron"),
    Fault(401, "fails-silently", "describe failed without saying why"),
    Fault(401, "refuses-everything", "not today"),
    Fault(402, "counts-its-calls", "the declarations differ from byte"),
    Fault(402, "remembers-refusals", "the declarations differ from byte"),
    Fault(402, "declares-stale-memory", "the declarations differ from byte"),
    Fault(403, "shares-its-state", "the declarations differ from byte"),
    Fault(404, "assumes-nul", "crashed (SIGSEGV) where memory ends with each text"),
    Fault(405, "calls-what-is-not-there", "crashed (SIGSEGV)"),
    Fault(406, "wants-exact-host", "it answers 0, then 2"),
    Fault(501, "loses-rows", "some elements are read twice"),
    Fault(502, "takes-rows-for-columns", "segments do not add up to dim 0"),
    Fault(503, "forgets-known-keys", "tied to an undeclared source embed.weight"),
    Fault(601, "trusts-sizes", "crashed (SIGSEGV)"),
    Fault(602, "names-no-key", "without hidden_size: refused without the key's name: bad config"),
    Fault(603, "names-no-key", "hidden_size = [true]: refused without the key's name: bad config"),
    Fault(604, "names-no-key", "use_bias = true: refused without the key's name: not supported"),
    Fault(701, "wants-all-keys", "without layers.0.up.weight: the plugin crashed (SIGABRT)"),
    Fault(702, "drops-everything", "is dropped by *foreign*"),
    Fault(703, "divides-by-a-dim", "crashed (SIGFPE)"),
    Fault(801, "ignores-failures", "it answers the status 0 after call"),
    Fault(802, "prints", "it prints '{\"hello\": 1}'"),
    Fault(803, "leaves-files-open", "file descriptors are left"),
    Fault(804, "leaks", "bytes or more with each call"),
  ]

  @Test(arguments: faults) func isBrokenBy(_ fault: Fault) throws {
    let bad = try BadPlugin(fault.plugin, file: fault.file, flags: fault.flags)
    let report = try check(bad, only: [String(fault.rule)])
    #expect(report.broken == [fault.rule])
    #expect(report.text.contains(fault.says), "\(report.text)")
    #expect(throws: MimoError.self) { try report.refuseBroken() }
  }

  @Test(arguments: [true, false]) func aSoundPluginKeepsAllOfThem(square: Bool) throws {
    let sound = try BadPlugin("sound")
    let report = try check(sound, square: square)
    #expect(report.broken == [], "\(report.text)")
    #expect(report.text.contains("0 broken, 0 skipped"))
    try report.refuseBroken()
  }

  @Test func eachRuleHasItsBadPlugin() {
    #expect(Set(Conformance.ruleNumbers) == Set(Self.faults.map(\.rule)))
  }

  @Test func theDocumentationHasEachRule() throws {
    let bad = try BadPlugin("sound")
    let report = try Conformance(path: bad.path, configs: [], seed: 1, only: [], process: RuleTests.process).run()
    let page = try String(contentsOf: RuleTests.package.appending(path: "docs/abi.md"), encoding: .utf8)
    for rule in report.json["rules"]?.array ?? [] {
      let words = ["name", "demand", "otherwise"].map { rule[$0]?.string ?? "?" }
      #expect(page.contains("| \(rule["number"]?.integer ?? 0) \(words[0]) | \(words[1]) | \(words[2]) |\n"))
    }
  }

  @Test func theSameSeedTriesTheSame() throws {
    let bad = try BadPlugin("trusts-sizes")
    let reports = try [7, 7, 8].map { try check(bad, seed: $0, only: ["survives-any-config"]).text }
    #expect(reports[0] == reports[1])
    #expect(reports[0] != reports[2])
  }

  @Test func withoutAConfigRulesAboutModelsAreSkippedInWords() throws {
    let bad = try BadPlugin("sound")
    let report = try Conformance(path: bad.path, configs: [], seed: 1, only: [], process: RuleTests.process).run()
    #expect(report.broken == [])
    #expect(report.text.contains("skipped  501 moves-each-element-once: no config was given"))
    let verdicts = report.json["rules"]?.array?.compactMap { $0["verdict"]?.string } ?? []
    #expect(Set(verdicts) == ["kept", "skipped"])
  }

  /// One that never comes back is not waited for in every rule.
  @Test func aPluginThatHangsIsDoneWithSoon() throws {
    let bad = try BadPlugin("hangs")
    let process = PluginProcess(program: RuleTests.process.program, timeout: .seconds(5))
    let report = try Conformance(path: bad.path, configs: [try bad.config()], seed: 1, only: [], process: process).run()
    #expect(report.broken == [401, 501], "\(report.text)")
    #expect(report.text.contains("did not finish within 5 s"))
    #expect(report.text.contains("skipped  804 frees-its-memory: describe does not come back: see rule 501"))
  }

  @Test func anUnknownRuleIsAUsageError() throws {
    let bad = try BadPlugin("sound")
    let error = #expect(throws: MimoError.self) { try check(bad, only: ["999"]) }
    #expect(error?.code == .usage)
  }

  private static let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  private static let process = PluginProcess(
    program: PluginProcess.beside(ProgramPath.running).program, timeout: .seconds(20))

  private func check(
    _ plugin: BadPlugin, square: Bool = true, seed: UInt64 = 1, only: [String] = []
  ) throws -> ConformanceReport {
    try Conformance(
      path: plugin.path, configs: [try plugin.config(square: square)], seed: seed, only: only,
      process: RuleTests.process
    ).run()
  }
}
