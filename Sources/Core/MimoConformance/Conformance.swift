import MimoJSON
import MimoPluginHost
import MimoSystem

/// Holds a plugin against the rules, each trial in a process of its own.
package struct Conformance: Sendable {
  /// Of all rules.
  package static var ruleNumbers: [Int] { Rule.all.map(\.number) }

  private let subject: Subject
  private let rules: [Rule]

  /// - Parameters:
  ///   - configs: paths of config.json files; without one, rules about models are skipped.
  ///   - seed: all random changes follow from it.
  ///   - only: numbers or names of the rules to try; all when empty.
  package init(
    path: String, configs: [String], seed: UInt64, only: [String], process: PluginProcess
  ) throws(MimoError) {
    rules = try Conformance.rules(only)
    var models: [Subject.Config] = []
    for config in configs {
      models.append(
        Subject.Config(
          name: FileSystem.split(config).name, json: try JSONParser.parse(file: config, options: .nonFiniteNumbers)))
    }
    subject = try Subject(path, configs: models, seed: seed, process: process)
  }

  /// Tries the rules in order; a rule that can not be tried to its end is broken.
  package func run() throws(MimoError) -> ConformanceReport {
    var report = ConformanceReport(path: subject.path, plugin: try? subject.info.get(), seed: subject.seed)
    for rule in rules {
      try Interruption.check()
      let verdict: Verdict
      do throws(MimoError) {
        verdict = try rule.check(subject)
      } catch {
        guard error.code == .plugin else { throw error }
        verdict = .broken([error.message])
      }
      report.rows.append(ConformanceReport.Row(rule: rule, verdict: verdict))
    }
    return report
  }

  private static func rules(_ words: [String]) throws(MimoError) -> [Rule] {
    guard !words.isEmpty else { return Rule.all }
    for word in words where !Rule.all.contains(where: { $0.isCalled(word) }) {
      throw MimoError(
        .usage, "there is no rule '\(word)'", remedy: "See docs/abi.md; the first is 101, exports-the-entry-alone")
    }
    return Rule.all.filter { rule in words.contains { rule.isCalled($0) } }
  }
}
