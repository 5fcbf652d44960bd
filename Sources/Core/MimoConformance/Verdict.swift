/// How a plugin stands to a rule.
enum Verdict {
  /// With a remark for the reader, or none.
  case kept(String?)
  /// What was seen, a line each.
  case broken([String])
  /// Why it could not be tried.
  case skipped(String)

  static let kept = Verdict.kept(nil)
  static let withoutPlugin = Verdict.skipped("the plugin can not be loaded")
  static let withoutConfig = Verdict.skipped("no config was given: name one with --config")

  /// Broken when anything was seen; of many cases the first few.
  init(_ seen: [String]) {
    guard !seen.isEmpty else {
      self = .kept
      return
    }
    let most = 5
    self = .broken(seen.count <= most ? seen : seen.prefix(most) + ["and \(seen.count - most) more"])
  }
}

extension Verdict {
  /// For machines.
  var word: String {
    switch self {
    case .kept: "kept"
    case .broken: "broken"
    case .skipped: "skipped"
    }
  }

  var details: [String] {
    switch self {
    case .kept(let remark): remark.map { [$0] } ?? []
    case .broken(let seen): seen
    case .skipped(let why): [why]
    }
  }
}
