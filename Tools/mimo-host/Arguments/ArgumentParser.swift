import MimoSystem

/// What a command line asks of a command.
enum Parsed<Options> {
  case options(Options)
  case help
}

/// Reads a command's arguments by its specification.
struct ArgumentParser<Options: CommandOptions> {
  private let spec = Options.spec
  private var options = Options()
  private var given: Set<String> = []
  private var operandCount = 0

  /// - Parameter arguments: what follows the command's words.
  static func parse(_ arguments: some Sequence<String>) throws(MimoError) -> Parsed<Options> {
    var parser = ArgumentParser()
    return try parser.parse(Array(arguments))
  }

  private mutating func parse(_ arguments: [String]) throws(MimoError) -> Parsed<Options> {
    var rest = arguments[...]
    var onlyOperands = false
    while let argument = rest.popFirst() {
      if onlyOperands || !isOption(argument) {
        try takeOperand(argument)
      } else if argument == "--" {
        onlyOperands = true
      } else if argument == "--help" || argument == "-h" {
        return .help
      } else {
        try takeOption(argument, &rest)
      }
    }
    if let missing = spec.operands.dropFirst(operandCount).first, missing.isRequired {
      throw refuse("\(missing.name) is missing")
    }
    try options.validate()
    return .options(options)
  }

  /// A lone "-" is an operand, as is a negative number.
  private func isOption(_ argument: String) -> Bool {
    argument.hasPrefix("-") && argument != "-" && Int(argument) == nil
  }

  private mutating func takeOperand(_ argument: String) throws(MimoError) {
    guard operandCount < spec.operands.count else { throw refuse("unexpected argument '\(argument)'") }
    let operand = spec.operands[operandCount]
    guard !argument.isEmpty else { throw refuse("\(operand.name) is empty") }
    options[keyPath: operand.path] = argument
    operandCount += 1
  }

  private mutating func takeOption(_ argument: String, _ rest: inout ArraySlice<String>) throws(MimoError) {
    let equals = argument.firstIndex(of: "=")
    let name = String(argument[..<(equals ?? argument.endIndex)])
    guard let option = spec.options.first(where: { $0.name == name || $0.short == name }) else {
      throw unknown(name)
    }
    guard option.isRepeatable || given.insert(option.name).inserted else { throw refuse("\(name) is given twice") }
    var value = equals.map { String(argument[argument.index(after: $0)...]) }
    if let valueName = option.valueName {
      if value == nil, let next = rest.first, !isOption(next) { value = rest.popFirst() }
      guard value != nil else {
        throw refuse("\(name) wants a value", "Write \(name) \(valueName), or \(name)=\(valueName)")
      }
    } else if value != nil {
      throw refuse("\(name) takes no value")
    }
    do {
      try option.apply(&options, value ?? "")
    } catch {
      throw MimoError(.usage, "\(name) \(error.reason)")
    }
  }

  private func unknown(_ name: String) -> MimoError {
    if let nearest = nearestName(to: name, among: spec.options.map(\.name)) {
      return refuse("unknown option '\(name)'", "Did you mean \(nearest)?")
    }
    return refuse("unknown option '\(name)'")
  }

  private func refuse(_ reason: String, _ remedy: String? = nil) -> MimoError {
    MimoError(.usage, "\(spec.name): \(reason)", remedy: remedy ?? "See mimo-host \(spec.name) --help")
  }
}
