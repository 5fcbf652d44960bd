import PluginABI

/// An object of config.json, read by the names of its keys.
///
/// Sizes are bounded where they are read, so that products of two of them can not overflow.
package struct Config {
  package let model: Model
  package let path: String

  /// The largest size of a dimension that a config may name.
  package static let largestSize = 1 << 28
  /// The largest number of layers or of experts.
  package static let largestCount = 1 << 16

  package func at(_ key: String) -> String { path.utf8.isEmpty ? key : path + "." + key }

  /// The object below `key`.
  package subscript(key: String) -> Config { Config(model: model, path: at(key)) }

  package func has(_ key: String) -> Bool {
    let kind = at(key).lend { model.host.pointee.config_kind(model.builder, $0) }
    return kind != MIMO_KIND_ABSENT && kind != MIMO_KIND_NULL
  }

  /// Whether the key is there, be it with null.
  package func mentions(_ key: String) -> Bool {
    at(key).lend { model.host.pointee.config_kind(model.builder, $0) } != MIMO_KIND_ABSENT
  }

  /// Whether the value is text.
  package func isText(_ key: String) -> Bool {
    at(key).lend { model.host.pointee.config_kind(model.builder, $0) } == MIMO_KIND_STRING
  }

  /// What the config says, whatever its kind, or what the model's code takes when the key is missing.
  package func value(_ key: String, or fallback: Value) -> Value {
    mentions(key) ? .config(at(key)) : fallback
  }

  /// Members of a list or object; 0 when there is none.
  package func count(_ key: String) throws(Refusal) -> Int {
    guard has(key) else { return 0 }
    let count = at(key).lend { model.host.pointee.config_count(model.builder, $0) }
    guard count >= 0 else { throw refuse(key, "must be a list") }
    guard count <= Config.largestCount else { throw refuse(key, "has too many entries") }
    return Int(count)
  }

  /// nil for a missing key or null.
  package func integer(_ key: String) throws(Refusal) -> Int? {
    var value: Int64 = 0
    let status = at(key).lend { model.host.pointee.config_int(model.builder, $0, &value) }
    guard status != MIMO_ABSENT else { return nil }
    try model.check(status)
    return Int(value)
  }

  package func flag(_ key: String, default fallback: Bool) throws(Refusal) -> Bool {
    var value: UInt8 = 0
    let status = at(key).lend { model.host.pointee.config_bool(model.builder, $0, &value) }
    guard status != MIMO_ABSENT else { return fallback }
    try model.check(status)
    return value != 0
  }

  package func number(_ key: String) throws(Refusal) -> Double? {
    var value = 0.0
    let status = at(key).lend { model.host.pointee.config_float(model.builder, $0, &value) }
    guard status != MIMO_ABSENT else { return nil }
    try model.check(status)
    return value
  }

  package func text(_ key: String) throws(Refusal) -> Text? {
    var value = mimo_string()
    let status = at(key).lend { model.host.pointee.config_string(model.builder, $0, &value) }
    guard status != MIMO_ABSENT else { return nil }
    try model.check(status)
    return Text(view: value)
  }

  package func integers(_ key: String) throws(Refusal) -> [Int] {
    var values: [Int] = []
    for i in 0..<(try count(key)) {
      guard let value = try integer("\(key).\(i)") else { throw refuse(key, "must hold integers only") }
      values.append(value)
    }
    return values
  }

  /// A size or count that the model can not be without.
  package func size(_ key: String, atLeast low: Int = 1, atMost high: Int = largestSize) throws(Refusal) -> Int {
    guard let value = try integer(key) else { throw refuse(key, "is missing") }
    return try bounded(value, key, low, high)
  }

  /// A size or count with the default that the model's code has for it.
  package func size(
    _ key: String, default fallback: Int, atLeast low: Int = 1, atMost high: Int = largestSize
  ) throws(Refusal) -> Int {
    try bounded(try integer(key) ?? fallback, key, low, high)
  }

  private func bounded(_ value: Int, _ key: String, _ low: Int, _ high: Int) throws(Refusal) -> Int {
    guard value >= low, value <= high else { throw refuse(key, "is \(value), must be \(low) to \(high)") }
    return value
  }

  package func refuse(_ key: String, _ what: String) -> Refusal { model.fail("config.json: \(at(key)) \(what)") }

  /// A switch that this family only knows in one position.
  package func require(_ key: String, _ expected: Bool, _ reason: String) throws(Refusal) {
    guard try flag(key, default: expected) == expected else {
      throw refuse(key, "is \(!expected): \(reason)")
    }
  }

  /// A list or object that must be empty or missing.
  package func requireNone(_ key: String, _ reason: String) throws(Refusal) {
    guard has(key) else { return }
    let count = at(key).lend { model.host.pointee.config_count(model.builder, $0) }
    guard count == 0 else { throw refuse(key, "is set: \(reason)") }
  }
}

extension Model {
  package var config: Config { Config(model: self, path: "") }
}
