import MimoJSON

/// Writes a document in the small part of YAML that configs need: block maps, block sequences, plain and quoted scalars.
///
/// Read back by YAML 1.1 readers (PyYAML, OmegaConf) as the same values.
enum YAMLWriter {
  /// The document of an object, ending in a newline.
  static func write(_ object: JSONObject) -> String {
    var text = ""
    append(object, indent: 0, to: &text)
    return text
  }

  private static func append(_ object: JSONObject, indent: Int, to text: inout String) {
    let margin = String(repeating: "  ", count: indent)
    for (key, value) in object.members {
      text += margin + scalar(key) + ":"
      switch value {
      case .object(let members) where !members.isEmpty:
        text += "\n"
        append(members, indent: indent + 1, to: &text)
      case .array(let items) where !items.isEmpty:
        text += "\n"
        for item in items { append(item: item, margin: margin, indent: indent, to: &text) }
      default: text += " " + inline(value) + "\n"
      }
    }
  }

  private static func append(item: JSONValue, margin: String, indent: Int, to text: inout String) {
    guard case .object(let members) = item, !members.isEmpty else {
      text += margin + "- " + inline(item) + "\n"
      return
    }
    var block = ""
    append(members, indent: indent + 1, to: &block)
    text += margin + "- " + block.dropFirst(2 * (indent + 1))
  }

  private static func inline(_ value: JSONValue) -> String {
    switch value {
    case .null: "null"
    case .bool(let flag): flag ? "true" : "false"
    case .integer(let number): String(number)
    case .number(let number, let spelling): float(number, spelling)
    case .string(let string): scalar(string)
    case .array(let items): "[" + items.map(inline).joined(separator: ", ") + "]"
    case .object(let members):
      "{" + members.members.map { "\(scalar($0.0)): \(inline($0.1))" }.joined(separator: ", ") + "}"
    }
  }

  /// YAML 1.1 takes `1e-06` and `1.5e6` for strings: a float needs its point, and its exponent a sign.
  private static func float(_ number: Double, _ spelling: String) -> String {
    if number.isNaN { return ".nan" }
    if number.isInfinite { return number < 0 ? "-.inf" : ".inf" }
    guard let exponent = spelling.firstIndex(where: { $0 == "e" || $0 == "E" }) else { return spelling }
    var digits = spelling[exponent...]
    if let sign = digits.dropFirst().first, sign != "-", sign != "+" {
      digits = "e+" + digits.dropFirst()
    }
    return spelling[..<exponent] + (spelling.contains(".") ? "" : ".0") + digits
  }

  /// Words that a reader would take for something else than a string.
  private static let reserved: Set<String> = [
    "", "null", "~", "true", "false", "yes", "no", "on", "off", "y", "n", "none",
  ]

  private static func scalar(_ string: String) -> String {
    let isPlain = string.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "/"): true
      default: false
      }
    }
    let startsAsWord = string.utf8.first.map { $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "/") || ($0 | 0x20) >= UInt8(ascii: "a") } ?? false
    if isPlain, startsAsWord, !reserved.contains(string.lowercased()) { return string }
    return "\"" + string.unicodeScalars.map(escaped).joined() + "\""
  }

  /// A character between double quotes. YAML has an escape of eight digits where JSON has a pair of surrogates, which
  /// YAML readers take for two characters.
  private static func escaped(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\"": return "\\\""
    case "\\": return "\\\\"
    case "\n": return "\\n"
    case "\r": return "\\r"
    case "\t": return "\\t"
    case "\u{08}": return "\\b"
    case "\u{0C}": return "\\f"
    case " "..."~": return String(Character(scalar))
    default:
      let digits = String(scalar.value, radix: 16)
      let (letter, width) = scalar.value > 0xFFFF ? ("U", 8) : ("u", 4)
      return "\\" + letter + String(repeating: "0", count: width - digits.utf8.count) + digits
    }
  }
}
