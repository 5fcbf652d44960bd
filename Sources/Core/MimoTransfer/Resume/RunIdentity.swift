import MimoJSON
import MimoSystem

/// All that decides the bytes of a result, in words: two runs that agree in it may share their work.
package struct RunIdentity: Sendable, Equatable {
  /// What it is about, and how it is. In the order in which differences are told.
  private(set) var facts: [(name: String, value: String)] = []

  /// When anything about the files of the source was last changed, by path: no difference by itself, but a reason to look.
  package var changeTimes: [String: Int64] = [:]

  package init() {}

  package mutating func add(_ name: String, _ value: String) { facts.append((name, value)) }

  package static func == (a: RunIdentity, b: RunIdentity) -> Bool { a.facts.elementsEqual(b.facts, by: ==) }

  /// Whether another command line is all that it takes to continue the run that began: not where the program, the plugin or
  /// the source have changed.
  func canBecome(_ begun: RunIdentity) -> Bool {
    func given(_ facts: [(name: String, value: String)]) -> [String] {
      facts.filter { fact in RunIdentity.given.contains { fact.name.hasPrefix($0) } }.map { "\($0.name) \($0.value)" }
    }
    return given(facts) == given(begun.facts)
  }

  /// Facts that no command line says.
  private static let given = ["mimo-host", "plugin ", "file "]

  /// What differs from the run that began, in words; empty when nothing does.
  func differences(from begun: RunIdentity) -> [String] {
    var before = Dictionary(begun.facts.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    var differences: [String] = []
    for (name, value) in facts {
      let former = before.removeValue(forKey: name)
      if former != value { differences.append("\(name) was \(former ?? "not there"), is \(value)") }
    }
    for (name, value) in begun.facts where before[name] != nil { differences.append("\(name) was \(value), is not there") }
    return differences
  }
}

extension RunIdentity {
  var json: JSONValue {
    .array(facts.map { .array([.string($0.name), .string($0.value)]) })
  }

  /// nil for anything but pairs of words.
  init?(_ json: JSONValue?) {
    guard let pairs = json?.array else { return nil }
    for pair in pairs {
      guard let words = pair.array, words.count == 2, let name = words[0].string, let value = words[1].string else {
        return nil
      }
      add(name, value)
    }
  }
}

extension RunIdentity {
  var changeTimesJSON: JSONValue {
    var times = JSONObject()
    for (path, time) in changeTimes.sorted(by: { bytewiseLess($0.key, $1.key) }) { times[path] = .string("\(time)") }
    return .object(times)
  }

  /// The files whose time is another than when a run began, or that it does not tell of.
  func touched(since begun: JSONValue?) -> Set<String> {
    let times = begun?.object
    return Set(changeTimes.filter { times?[$0.key]?.string != "\($0.value)" }.keys)
  }
}
