import MimoSystem

/// An option of a command: its name, what it says in help, and what it sets.
struct OptionSpec<Options> {
  /// "--plugin"
  var name: String
  /// "-q", if there is a short form.
  var short: String?
  /// What help calls the value, nil for a flag.
  var valueName: String?
  var help: String
  /// Whether it may be given more than once.
  var isRepeatable: Bool
  /// Sets the option; the text is empty for a flag.
  var apply: (inout Options, String) throws(BadValue) -> Void
}

extension OptionSpec {
  /// An option without a value.
  static func flag(
    _ name: String, short: String? = nil, _ path: WritableKeyPath<Options, Bool>, _ help: String
  ) -> OptionSpec {
    OptionSpec(name: name, short: short, valueName: nil, help: help, isRepeatable: false) {
      (options, _) throws(BadValue) in options[keyPath: path] = true
    }
  }

  /// An option with a value.
  static func value<Value: ArgumentValue>(
    _ name: String, _ valueName: String, _ path: WritableKeyPath<Options, Value?>, _ help: String
  ) -> OptionSpec {
    OptionSpec(name: name, short: nil, valueName: valueName, help: help, isRepeatable: false) {
      (options, text) throws(BadValue) in options[keyPath: path] = try Value.read(text)
    }
  }

  /// An option whose values add up.
  static func list<Value: ArgumentValue>(
    _ name: String, _ valueName: String, _ path: WritableKeyPath<Options, [Value]>, _ help: String
  ) -> OptionSpec {
    OptionSpec(name: name, short: nil, valueName: valueName, help: help, isRepeatable: true) {
      (options, text) throws(BadValue) in options[keyPath: path].append(try Value.read(text))
    }
  }

  /// The same option for options that hold these ones.
  func lifted<Outer>(_ path: WritableKeyPath<Outer, Options>) -> OptionSpec<Outer> {
    OptionSpec<Outer>(name: name, short: short, valueName: valueName, help: help, isRepeatable: isRepeatable) {
      (options, text) throws(BadValue) in try apply(&options[keyPath: path], text)
    }
  }
}

/// An argument that is no option, by its place.
struct OperandSpec<Options> {
  var name: String
  var help: String
  var isRequired: Bool
  var path: WritableKeyPath<Options, String>

  init(_ name: String, _ path: WritableKeyPath<Options, String>, _ help: String, isRequired: Bool = true) {
    self.name = name
    self.path = path
    self.help = help
    self.isRequired = isRequired
  }
}

/// A headed list of options in help.
struct OptionGroup<Options> {
  var title: String
  var options: [OptionSpec<Options>]
}

/// What a command is called, takes and says about itself.
struct CommandSpec<Options> {
  /// The words that call it: ["plugin", "list"].
  var words: [String]
  /// One line, without a full stop.
  var summary: String
  /// What follows the words, a line each.
  var usage: [String]
  /// Paragraphs below the options.
  var notes: String
  var operands: [OperandSpec<Options>]
  var groups: [OptionGroup<Options>]

  var name: String { words.joined(separator: " ") }
  var options: [OptionSpec<Options>] { groups.flatMap(\.options) }
}

/// The arguments of one command, typed.
protocol CommandOptions {
  init()
  static var spec: CommandSpec<Self> { get }
  /// What no option can check alone. Refused with `MimoError.usage`.
  func validate() throws(MimoError)
}

extension CommandOptions {
  func validate() throws(MimoError) {}
}
