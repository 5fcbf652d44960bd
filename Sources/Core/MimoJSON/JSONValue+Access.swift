extension JSONValue {
  /// The value at a dotted path such as `text_config.layer_types.3`; nil where the path leads nowhere.
  package subscript(path: String) -> JSONValue? {
    var value = self
    for part in path.split(separator: ".", omittingEmptySubsequences: false) {
      guard let next = value.child(String(part)) else { return nil }
      value = next
    }
    return value
  }

  private func child(_ name: String) -> JSONValue? {
    switch self {
    case .object(let object): return object[name]
    case .array(let items):
      guard let position = Int(name), items.indices.contains(position) else { return nil }
      return items[position]
    default: return nil
    }
  }

  package var isNull: Bool { self == .null }

  package var bool: Bool? {
    guard case .bool(let value) = self else { return nil }
    return value
  }

  package var string: String? {
    guard case .string(let value) = self else { return nil }
    return value
  }

  package var integer: Int? {
    guard case .integer(let value) = self else { return nil }
    return Int(exactly: value)
  }

  /// Any number as a floating-point one.
  package var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value, _): value
    default: nil
    }
  }

  package var array: [JSONValue]? {
    guard case .array(let items) = self else { return nil }
    return items
  }

  package var object: JSONObject? {
    guard case .object(let object) = self else { return nil }
    return object
  }

  /// What kind of value this is, for error messages.
  package var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .integer: "an integer"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}
