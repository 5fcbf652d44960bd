import MimoSystem

/// Builds a `JSONValue` from a text: strict RFC 8259, no duplicate keys, bounded depth.
package struct JSONParser {
  /// Departures from RFC 8259 that a caller may allow.
  package struct Options: OptionSet, Sendable {
    package let rawValue: Int
    package init(rawValue: Int) { self.rawValue = rawValue }
    /// `NaN`, `Infinity` and `-Infinity`, as Python's json module writes them.
    package static let nonFiniteNumbers = Options(rawValue: 1)
  }

  /// How deep arrays and objects may nest.
  package static let depthLimit = 128

  private var scanner: JSONScanner
  private let options: Options
  private var depth = 0

  package static func parse(
    _ bytes: UnsafeRawBufferPointer, options: Options = [], path: String? = nil
  ) throws(MimoError) -> JSONValue {
    var parser = JSONParser(scanner: JSONScanner(bytes, path: path), options: options)
    let value = try parser.value()
    try parser.scanner.expectEnd()
    return value
  }

  package static func parse(
    _ bytes: [UInt8], options: Options = [], path: String? = nil
  ) throws(MimoError) -> JSONValue {
    try bytes.withUnsafeBytes { buffer in
      capture { () throws(MimoError) in try parse(buffer, options: options, path: path) }
    }.get()
  }

  package static func parse(_ text: String, options: Options = []) throws(MimoError) -> JSONValue {
    try parse(Array(text.utf8), options: options)
  }

  /// Reads and parses a whole file.
  package static func parse(
    file path: String, options: Options = [], limit: Int = 256 << 20
  ) throws(MimoError) -> JSONValue {
    try parse(try FileSystem.readSmallFile(path, limit: limit), options: options, path: path)
  }

  private init(scanner: JSONScanner, options: Options) {
    self.scanner = scanner
    self.options = options
  }

  private mutating func value() throws(MimoError) -> JSONValue {
    switch scanner.peek() {
    case UInt8(ascii: "{"): return try nested { (parser) throws(MimoError) in try parser.object() }
    case UInt8(ascii: "["): return try nested { (parser) throws(MimoError) in try parser.array() }
    case UInt8(ascii: "\""): return .string(try scanner.string())
    case UInt8(ascii: "t") where scanner.take(word: "true"): return .bool(true)
    case UInt8(ascii: "f") where scanner.take(word: "false"): return .bool(false)
    case UInt8(ascii: "n") where scanner.take(word: "null"): return .null
    case UInt8(ascii: "N"), UInt8(ascii: "I"), UInt8(ascii: "-"):
      if let value = try nonFinite() { return value }
      return try scanner.number()
    case let byte? where byte &- 0x30 < 10: return try scanner.number()
    default: throw scanner.unexpected("expected a value")
    }
  }

  private mutating func nonFinite() throws(MimoError) -> JSONValue? {
    let start = scanner.position
    let value: JSONValue
    if scanner.take(word: "NaN") {
      value = .double(.nan)
    } else if scanner.take(word: "Infinity") {
      value = .double(.infinity)
    } else if scanner.take(word: "-Infinity") {
      value = .double(-.infinity)
    } else {
      return nil
    }
    guard options.contains(.nonFiniteNumbers) else {
      throw scanner.failure("not JSON: NaN and Infinity are no numbers here", at: start)
    }
    return value
  }

  private mutating func nested(
    _ body: (inout JSONParser) throws(MimoError) -> JSONValue
  ) throws(MimoError) -> JSONValue {
    guard depth < JSONParser.depthLimit else {
      throw scanner.failure("JSON is nested deeper than \(JSONParser.depthLimit) levels")
    }
    depth += 1
    let value = try body(&self)
    depth -= 1
    return value
  }

  private mutating func array() throws(MimoError) -> JSONValue {
    try scanner.expect(UInt8(ascii: "["), "an array")
    var items: [JSONValue] = []
    if scanner.take(UInt8(ascii: "]")) { return .array(items) }
    repeat { items.append(try value()) } while scanner.take(UInt8(ascii: ","))
    try scanner.expect(UInt8(ascii: "]"), "',' or ']'")
    return .array(items)
  }

  private mutating func object() throws(MimoError) -> JSONValue {
    try scanner.expect(UInt8(ascii: "{"), "an object")
    var object = JSONObject()
    if scanner.take(UInt8(ascii: "}")) { return .object(object) }
    repeat {
      _ = scanner.peek()
      let start = scanner.position
      let key = try scanner.string("a key")
      try scanner.expect(UInt8(ascii: ":"), "':'")
      guard object.insert(key, try value()) else {
        throw scanner.failure("key \"\(key)\" occurs twice in one object", at: start)
      }
    } while scanner.take(UInt8(ascii: ","))
    try scanner.expect(UInt8(ascii: "}"), "',' or '}'")
    return .object(object)
  }
}
