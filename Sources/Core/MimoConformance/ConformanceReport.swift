import MimoJSON
import MimoPluginHost
import MimoSystem

/// How a plugin stands to each rule.
package struct ConformanceReport: Sendable {
  struct Row: Sendable {
    var rule: Rule
    var verdict: Verdict
  }

  package let path: String
  /// nil when it can not be loaded.
  package let plugin: PluginInfo?
  package let seed: UInt64
  var rows: [Row] = []

  init(path: String, plugin: PluginInfo?, seed: UInt64) {
    self.path = path
    self.plugin = plugin
    self.seed = seed
  }

  /// Numbers of the rules that are broken.
  package var broken: [Int] { rows.filter { $0.verdict.word == "broken" }.map(\.rule.number) }

  /// Throws when a rule is broken.
  package func refuseBroken() throws(MimoError) {
    guard !broken.isEmpty else { return }
    throw MimoError(
      .plugin, "breaks \(broken.count) of \(rows.count) rules: \(broken.map(String.init).joined(separator: ", "))",
      path: path, remedy: "docs/abi.md says what each is for")
  }

  package var text: String {
    let family = plugin.map { "  \($0.family) \($0.version)" } ?? ""
    return "\(path)\(family)\nseed \(seed)\n\n" + rows.map(text).joined() + "\n" + summary + "\n"
  }

  private func text(_ row: Row) -> String {
    let head = "\(row.rule.number) \(row.rule.name)"
    switch row.verdict {
    case .kept(let remark): return "kept     \(head)\(remark.map { " (\($0))" } ?? "")\n"
    case .skipped(let why): return "skipped  \(head): \(why)\n"
    case .broken(let seen):
      return "BROKEN   \(head)\n" + seen.map { "           \($0)\n" }.joined()
        + "         demanded:  \(row.rule.demand)\n         otherwise: \(row.rule.otherwise)\n"
    }
  }

  private var summary: String {
    let counts = ["kept", "broken", "skipped"].map { word in
      "\(rows.filter { $0.verdict.word == word }.count) \(word)"
    }
    return "\(rows.count) rules: \(counts.joined(separator: ", "))"
  }

  package var json: JSONValue {
    .object([
      "path": .string(path), "family": plugin.map { .string($0.family) } ?? .null,
      "version": plugin.map { .string($0.version) } ?? .null, "seed": .number(Double(seed), text: String(seed)),
      "conforms": .bool(broken.isEmpty), "rules": .array(rows.map(json)),
    ])
  }

  private func json(_ row: Row) -> JSONValue {
    .object([
      "number": .integer(row.rule.number), "name": .string(row.rule.name), "verdict": .string(row.verdict.word),
      "details": .array(row.verdict.details.map { .string($0) }), "demand": .string(row.rule.demand),
      "otherwise": .string(row.rule.otherwise),
    ])
  }
}
