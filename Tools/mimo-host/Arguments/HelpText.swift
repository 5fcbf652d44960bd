/// The help page of a command.
struct HelpText<Options> {
  private let spec: CommandSpec<Options>
  private let width = 80
  private let column = 26

  init(_ spec: CommandSpec<Options>) { self.spec = spec }

  var text: String {
    var page = "mimo-host \(spec.name) - \(spec.summary)\n\n"
    for (i, line) in spec.usage.enumerated() {
      page += (i == 0 ? "Usage: " : "       ") + "mimo-host \(spec.name) \(line)\n"
    }
    if !spec.operands.isEmpty {
      page += "\nArguments:\n" + spec.operands.map { row($0.name, $0.help) }.joined()
    }
    let help = OptionSpec<Options>(name: "--help", short: "-h", valueName: nil, help: "Show this page", isRepeatable: false) {
      (_, _) throws(BadValue) in
    }
    for (i, group) in spec.groups.enumerated() {
      let options = i == spec.groups.count - 1 ? group.options + [help] : group.options
      page += "\n\(group.title):\n" + options.map { row(label($0), $0.help) }.joined()
    }
    if !spec.notes.isEmpty { page += "\n\(spec.notes)\n" }
    return page
  }

  private func label(_ option: OptionSpec<Options>) -> String {
    let short = option.short.map { "\($0), " } ?? ""
    let value = option.valueName.map { " \($0)" } ?? ""
    return short + option.name + value
  }

  /// A label and its text beside or below it.
  private func row(_ label: String, _ help: String) -> String {
    let indent = String(repeating: " ", count: column)
    let lines = wrapped(help)
    let head = "  " + label
    guard head.count < column - 1 else {
      return head + "\n" + lines.map { indent + $0 + "\n" }.joined()
    }
    let first = head + String(repeating: " ", count: column - head.count) + (lines.first ?? "") + "\n"
    return first + lines.dropFirst().map { indent + $0 + "\n" }.joined()
  }

  private func wrapped(_ text: String) -> [String] {
    var lines = [""]
    for word in text.split(separator: " ") {
      let last = lines[lines.count - 1]
      if last.isEmpty {
        lines[lines.count - 1] = String(word)
      } else if last.count + 1 + word.count <= width - column {
        lines[lines.count - 1] += " " + word
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }
}
