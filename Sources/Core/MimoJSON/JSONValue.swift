/// A JSON document as data; numbers keep their spelling, so that writing it again changes none.
package enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  /// A number without fraction or exponent that fits.
  case integer(Int64)
  /// Any other number, and how it was spelled.
  case number(Double, text: String)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)

  package static func integer(_ value: Int) -> JSONValue { .integer(Int64(value)) }

  /// A floating-point number, spelled as Python's `repr` does.
  package static func double(_ value: Double) -> JSONValue { .number(value, text: pythonSpelling(value)) }

  package static func object(_ members: KeyValuePairs<String, JSONValue>) -> JSONValue {
    var object = JSONObject()
    for (key, value) in members { object[key] = value }
    return .object(object)
  }

  /// NaN is equal to itself here: equality is that of documents.
  package static func == (a: JSONValue, b: JSONValue) -> Bool {
    switch (a, b) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.integer(let a), .integer(let b)): a == b
    case (.number(let a, let textA), .number(let b, let textB)): textA == textB || a == b
    case (.string(let a), .string(let b)): a == b
    case (.array(let a), .array(let b)): a == b
    case (.object(let a), .object(let b)): a == b
    default: false
    }
  }

  private static func pythonSpelling(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
    // Python writes whole numbers below 1e16 in full, Swift only below 2^53 (and both with the fewest digits else).
    if abs(value) < 1e16, value == value.rounded(.towardZero), value != 0 { return "\(Int64(value)).0" }
    return value.description
  }
}

/// The members of a JSON object, in the order of the document.
package struct JSONObject: Sendable, Equatable {
  package typealias Member = (key: String, value: JSONValue)

  package private(set) var keys: [String] = []
  private var values: [JSONValue] = []
  /// Positions by key, kept only for objects in which a linear search would be slow.
  private var positions: [String: Int] = [:]
  private static let linearLimit = 12

  package init() {}

  package var count: Int { keys.count }
  package var isEmpty: Bool { keys.isEmpty }
  package var members: Zip2Sequence<[String], [JSONValue]> { zip(keys, values) }

  /// Setting nil leaves the object as it is; a new key goes to the end.
  package subscript(key: String) -> JSONValue? {
    get { position(of: key).map { values[$0] } }
    set {
      guard let newValue else { return }
      if let position = position(of: key) {
        values[position] = newValue
      } else {
        append(key, newValue)
      }
    }
  }

  /// Takes a member out; nothing when it is not there.
  package mutating func remove(_ key: String) {
    guard let position = position(of: key) else { return }
    keys.remove(at: position)
    values.remove(at: position)
    guard !positions.isEmpty else { return }
    positions = [:]
    if keys.count > JSONObject.linearLimit { indexAll() }
  }

  /// Adds a member that must be new; false when the key is there already.
  mutating func insert(_ key: String, _ value: JSONValue) -> Bool {
    guard position(of: key) == nil else { return false }
    append(key, value)
    return true
  }

  /// Same members in the same order.
  package static func == (a: JSONObject, b: JSONObject) -> Bool { a.keys == b.keys && a.values == b.values }

  private mutating func append(_ key: String, _ value: JSONValue) {
    if !positions.isEmpty { positions[key] = keys.count }
    keys.append(key)
    values.append(value)
    if positions.isEmpty, keys.count > JSONObject.linearLimit { indexAll() }
  }

  private mutating func indexAll() {
    for (position, key) in keys.enumerated() { positions[key] = position }
  }

  private func position(of key: String) -> Int? {
    positions.isEmpty ? keys.firstIndex(of: key) : positions[key]
  }
}
