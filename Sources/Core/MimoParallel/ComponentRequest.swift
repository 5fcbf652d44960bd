import MimoSystem

/// A component's layout as the user wrote it: what was left out is nil.
package struct ComponentRequest: Sendable, Hashable {
  /// The options of `--component`, in the order in which help shows them.
  package enum Option: String, Sendable, CaseIterable {
    case tp, pp, dp, cp, ep, etp, fsdp
    case ppFirst = "pp_first"
    case ppLast = "pp_last"
    case rankOffset = "rank_offset"

    var least: Int { self == .rankOffset ? 0 : 1 }
  }

  package var name: String
  private var values: [Option: Int]
  /// The text stands in a folder, perhaps one of a version that took a missing etp for tp.
  private var isRecorded = false

  package init(_ name: String, _ values: [Option: Int] = [:]) {
    self.name = name
    self.values = values
  }

  /// Reads what a folder says of its own layout, in the form of `init(parsing:)`.
  package init(recorded text: String) throws(MimoError) {
    try self.init(parsing: text)
    isRecorded = true
  }

  package subscript(option: Option) -> Int? {
    get { values[option] }
    set { values[option] = newValue }
  }

  /// The data parallel size, if the user said it: Megatron-FSDP shards along that axis.
  var dataParallel: Int? { self[.dp] ?? self[.fsdp] }

  /// The tensor parallel size of experts; 1 where nothing is said.
  ///
  /// Source: Megatron-Bridge, `ModuleParallelismConfig.expert_tensor_parallel_size`.
  func expertTensorParallel(isEncoder: Bool) -> Int {
    self[.etp] ?? (isRecorded && !isEncoder ? self[.tp] ?? 1 : 1)
  }

  /// Tells whose etp was tp before it was 1, where the difference cuts experts in another way.
  ///
  /// - Parameter hasExperts: whether the component of that name has routed experts.
  package func changedDefaultNote(hasExperts: Bool) -> String? {
    guard hasExperts, !isRecorded, self[.etp] == nil, let tp = self[.tp], tp > 1 else { return nil }
    return "etp of \(name) is 1; before this version it was tp (\(tp)). Write etp=\(tp) for the former layout."
  }

  package static let syntax =
    "NAME=tp=N[,pp=N,dp=N,cp=N,ep=N,etp=N,fsdp=N,pp_first=N,pp_last=N,rank_offset=N]"

  /// Reads `NAME=tp=N[,pp=N,...]`.
  package init(parsing text: String) throws(MimoError) {
    func refuse(_ reason: String, _ remedy: String? = nil) -> MimoError {
      MimoError(.usage, "--component '\(text)': \(reason)", remedy: remedy)
    }
    guard let equals = text.firstIndex(of: "="), case let name = trimmed(text[..<equals]), !name.isEmpty else {
      throw refuse("no component name", "Write \(Self.syntax)")
    }
    self.init(String(name))
    for token in text[text.index(after: equals)...].split(separator: ",", omittingEmptySubsequences: false) {
      guard let split = token.firstIndex(of: "=") else {
        throw refuse("'\(trimmed(token))' is not of the form option=N", "Write \(Self.syntax)")
      }
      let key = trimmed(token[..<split])
      let written = trimmed(token[token.index(after: split)...])
      guard let option = Option(rawValue: String(key)) else {
        throw refuse(
          "unknown option '\(key)'", "The options are \(Option.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      guard self[option] == nil else { throw refuse("\(key) is given twice") }
      self[option] = try ComponentRequest.number(written, least: option.least) { refuse("\(key) \($0)") }
    }
  }

  /// A decimal number within reason, or what is wrong with it.
  private static func number(
    _ text: Substring, least: Int, refuse: (String) -> MimoError
  ) throws(MimoError) -> Int {
    guard let number = Int(text), text.utf8.first != UInt8(ascii: "+") else {
      throw refuse("wants a whole number, not '\(text)'")
    }
    guard number >= least else { throw refuse("is at least \(least), not \(number)") }
    guard number <= ComponentLayout.mostRanks else { throw refuse("is at most \(ComponentLayout.mostRanks)") }
    return number
  }
}

private func trimmed(_ text: Substring) -> Substring {
  var rest = text
  while rest.first == " " { rest.removeFirst() }
  while rest.last == " " { rest.removeLast() }
  return rest
}
