import MimoSystem

/// Writes JSON in the exact forms of Python's `json.dumps` (3.12) and of Rust's serde_json.
package struct JSONWriter {
  package enum Form: Sendable {
    /// No white space at all: `separators=(",", ":")`, and what serde_json writes.
    case compact
    /// `", "` and `": "`, all on one line: what `json.dumps` does unless told otherwise.
    case oneLine
    /// A line for each item, as with `indent=`.
    case indented(Int)
  }

  private let form: Form
  private let escapesNonASCII: Bool
  private let sortsKeys: Bool
  package private(set) var bytes: [UInt8] = []

  /// The bytes of one document, without a newline at the end.
  package static func write(
    _ value: JSONValue, _ form: Form = .indented(2), escapesNonASCII: Bool = false, sortsKeys: Bool = false
  ) -> [UInt8] {
    var writer = JSONWriter(form, escapesNonASCII: escapesNonASCII, sortsKeys: sortsKeys)
    writer.append(value, depth: 0)
    return writer.bytes
  }

  package init(_ form: Form, escapesNonASCII: Bool = false, sortsKeys: Bool = false) {
    self.form = form
    self.escapesNonASCII = escapesNonASCII
    self.sortsKeys = sortsKeys
  }

  package mutating func append(_ value: JSONValue, depth: Int) {
    switch value {
    case .null: append(raw: "null")
    case .bool(let value): append(raw: value ? "true" : "false")
    case .integer(let value): append(decimal: value)
    case .number(_, let text): bytes.append(contentsOf: text.utf8)
    case .string(let text): append(string: text)
    case .array(let items): append(items: items, depth)
    case .object(let object): append(object: object, depth)
    }
  }

  /// A quoted string with the escapes that JSON asks for.
  package mutating func append(string text: String) {
    bytes.append(UInt8(ascii: "\""))
    var text = text
    text.withUTF8 { units in
      if units.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
        bytes.append(contentsOf: units)
      } else {
        for scalar in String(decoding: units, as: UTF8.self).unicodeScalars { append(scalar: scalar) }
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  package mutating func append(decimal value: some BinaryInteger) {
    bytes.append(contentsOf: String(value).utf8)
  }

  package mutating func append(raw text: StaticString) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  private mutating func append(items: [JSONValue], _ depth: Int) {
    bytes.append(UInt8(ascii: "["))
    var isFirst = true
    for item in items {
      separate(&isFirst, depth + 1)
      append(item, depth: depth + 1)
    }
    if !items.isEmpty { breakLine(depth) }
    bytes.append(UInt8(ascii: "]"))
  }

  private mutating func append(object: JSONObject, _ depth: Int) {
    bytes.append(UInt8(ascii: "{"))
    var isFirst = true
    let members = sortsKeys ? object.members.sorted { bytewiseLess($0.0, $1.0) } : Array(object.members)
    for (key, value) in members {
      separate(&isFirst, depth + 1)
      append(string: key)
      if case .compact = form { append(raw: ":") } else { append(raw: ": ") }
      append(value, depth: depth + 1)
    }
    if !object.isEmpty { breakLine(depth) }
    bytes.append(UInt8(ascii: "}"))
  }

  private mutating func separate(_ isFirst: inout Bool, _ depth: Int) {
    if !isFirst {
      bytes.append(UInt8(ascii: ","))
      if case .oneLine = form { bytes.append(UInt8(ascii: " ")) }
    }
    isFirst = false
    breakLine(depth)
  }

  private mutating func breakLine(_ depth: Int) {
    guard case .indented(let width) = form else { return }
    bytes.append(UInt8(ascii: "\n"))
    bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: width * depth))
  }

  private mutating func append(scalar: Unicode.Scalar) {
    switch scalar {
    case "\"": append(raw: "\\\"")
    case "\\": append(raw: "\\\\")
    case "\n": append(raw: "\\n")
    case "\r": append(raw: "\\r")
    case "\t": append(raw: "\\t")
    case "\u{08}": append(raw: "\\b")
    case "\u{0C}": append(raw: "\\f")
    case _ where scalar.value < 0x20: append(escape: UInt16(scalar.value))
    // Python takes DEL for ASCII and leaves it; serde_json does too.
    case _ where scalar.value > 0x7F && escapesNonASCII:
      for unit in String(Character(scalar)).utf16 { append(escape: unit) }
    default: bytes.append(contentsOf: String(Character(scalar)).utf8)
    }
  }

  private mutating func append(escape unit: UInt16) {
    let digits = String(unit, radix: 16)
    append(raw: "\\u")
    bytes.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: 4 - digits.utf8.count))
    bytes.append(contentsOf: digits.utf8)
  }
}
