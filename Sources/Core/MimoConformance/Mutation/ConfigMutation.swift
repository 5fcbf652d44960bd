import MimoJSON
import MimoSystem

/// A config with one value changed, and what was done to it.
struct ConfigMutation {
  var leaf: ConfigLeaf
  var words: String
  var config: JSONValue

  private init(_ config: JSONValue, _ leaf: ConfigLeaf, _ value: JSONValue?) {
    self.leaf = leaf
    words = value.map { "\(leaf.path) = \(ConfigMutation.short($0))" } ?? "without \(leaf.path)"
    self.config = config.replacing(leaf.path, with: value)
  }

  private static func short(_ value: JSONValue) -> String {
    let text = String(decoding: JSONWriter.write(value, .compact), as: UTF8.self)
    return text.count > 40 ? text.prefix(40) + "..." : text
  }

  /// Each key taken away in turn.
  static func withoutKeys(_ config: JSONValue) -> [ConfigMutation] {
    ConfigLeaf.all(of: config).map { ConfigMutation(config, $0, nil) }
  }

  /// Each value of another kind.
  static func withOtherKinds(_ config: JSONValue) -> [ConfigMutation] {
    ConfigLeaf.all(of: config).map { leaf in
      let other: JSONValue = leaf.value.object == nil && leaf.value.array == nil ? .array([.bool(true)]) : .string("x")
      return ConfigMutation(config, leaf, other)
    }
  }

  /// Each switch thrown.
  static func withSwitchesThrown(_ config: JSONValue) -> [ConfigMutation] {
    ConfigLeaf.all(of: config).compactMap { leaf in
      leaf.value.bool.map { ConfigMutation(config, leaf, .bool(!$0)) }
    }
  }

  /// `count` changes of any kind, the sort that damaged and hostile files hold.
  static func random(_ config: JSONValue, count: Int, using random: inout SplitMix64) -> [ConfigMutation] {
    let leaves = ConfigLeaf.all(of: config)
    guard !leaves.isEmpty else { return [] }
    return (0..<count).map { _ in
      let leaf = leaves[Int.random(in: leaves.indices, using: &random)]
      return ConfigMutation(config, leaf, changed(leaf.value, using: &random))
    }
  }

  private static func changed(_ value: JSONValue, using random: inout SplitMix64) -> JSONValue? {
    let choices = [near(value), odd(value), oddOfAnyKind]
    return (choices.randomElement(using: &random)?.randomElement(using: &random) ?? .null) ?? nil
  }

  /// Values of the same kind that a slip of the hand gives.
  private static func near(_ value: JSONValue) -> [JSONValue?] {
    switch value {
    case .integer(let number): [number &+ 1, number &- 1, number &* 2, number / 2, number &* 3].map { .integer($0) }
    case .array(let items): [.array(Array(items.dropLast())), .array(items + items.suffix(1)), .array(items + items)]
    case .string(let text): [.string(String(text.dropLast())), .string(text + text)]
    case .bool(let value): [.bool(!value)]
    default: oddOfAnyKind
    }
  }

  /// Values of the same kind that nobody expects.
  private static func odd(_ value: JSONValue) -> [JSONValue?] {
    switch value {
    case .integer: [0, -1, 1, 7, 1 << 20, 1 << 40, Int64.max, Int64.min].map { .integer($0) }
    case .array: [.array([]), .array([.integer(-1), .integer(1 << 62)]), .array([.null])]
    default: oddOfAnyKind
    }
  }

  private static let oddOfAnyKind: [JSONValue?] = [
    nil, .null, .bool(true), .bool(false), .integer(0), .integer(-1), .integer(1), .integer(7), .integer(1 << 20),
    .integer(1 << 40), .integer(Int.max), .integer(Int.min), .double(0.5), .double(-1e300), .double(1e300), .string(""),
    .string("x"), .string(String(repeating: "x", count: 5000)), .array([]), .array([.integer(-1), .integer(1 << 62)]),
    .array([.null]), .array(Array(repeating: .integer(1), count: 5000)), .object(JSONObject()),
    .object(["a": .object(["b": .integer(1)])]),
  ]
}
