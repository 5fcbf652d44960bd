import MimoJSON
import MimoSystem
import Testing

@Suite struct JSONParserTests {
  @Test(arguments: [
    ("{", "ends too early"), ("[1,]", "expected a value, found ']'"), ("{\"a\" 1}", "expected ':'"),
    ("{\"a\":1,}", "expected a key"), ("[1 2]", "expected ',' or ']'"), ("01", "leading zero"), ("-01", "leading zero"),
    ("1.", "digit after the decimal point"), ("1e", "digit in the exponent"), ("+1", "expected a value"),
    ("\"a", "ends within a string"), ("\"\\x\"", "unknown escape"), ("\"\\u12g4\"", "four hexadecimal digits"),
    ("\"\\ud800\"", "surrogate"), ("\"\\ud800\\u0041\"", "surrogate"), ("\"\\udc00\"", "surrogate"),
    ("\"a\nb\"", "control character"), ("\"\\n\u{1}\"", "control character"), ("nul", "expected a value"),
    ("true false", "expected nothing more"), ("", "ends too early"), ("{\"a\":1,\"a\":2}", "\"a\" occurs twice"),
    ("NaN", "NaN and Infinity"), ("-Infinity", "NaN and Infinity"), ("'a'", "expected a value"),
    ("-", "expected a digit"),
    (#"{"a":1,"\u0061":2}"#, "\"a\" occurs twice"), ("\u{FEFF}1", "byte 0xEF"), ("[1,2", "expected ',' or ']'"),
  ])
  func malformedTextIsRefusedWithTheReason(_ text: String, _ reason: String) throws {
    let error = try #require(refusal { () throws(MimoError) in _ = try JSONParser.parse(text) })
    #expect(error.code == .invalidInput)
    #expect(error.message.contains(reason), "\(error.message)")
    #expect(error.byte != nil)
  }

  @Test(arguments: [("[1, x]", 4), ("{\"a\": 1, \"a\": 2}", 9), ("[\"\\q\"]", 2), ("  1 1", 4)])
  func errorsNameTheByte(_ text: String, _ byte: UInt64) {
    #expect(refusal { () throws(MimoError) in _ = try JSONParser.parse(text) }?.byte == byte)
  }

  @Test(
    arguments: [
      [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0x5C, 0x6E, 0x80, 0x22],
    ] as [[UInt8]])
  func stringsThatAreNotUTF8AreRefused(_ bytes: [UInt8]) {
    let error = refusal { () throws(MimoError) in _ = try JSONParser.parse(bytes) }
    #expect(error?.message.contains("not UTF-8") == true)
  }

  @Test func nestingIsBounded() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    _ = try JSONParser.parse(nested(128))
    let error = refusal { () throws(MimoError) in _ = try JSONParser.parse(nested(129)) }
    #expect(error?.message.contains("deeper than 128") == true)
    // Would overflow the stack if each level were entered.
    #expect(refusal { () throws(MimoError) in _ = try JSONParser.parse(nested(1_000_000)) } != nil)
  }

  @Test(arguments: [
    ("\"\\u00e9\\ud83d\\ude00\\n\\/\"", "é😀\n/"), ("\"é😀\"", "é😀"), ("\"\"", ""), ("\"a\\\\b\"", "a\\b"),
    ("\"\\b\\f\\r\\t\\\"\"", "\u{8}\u{C}\r\t\""), ("\"\\u0000\"", "\0"),
  ])
  func stringsAreDecoded(_ text: String, _ expected: String) throws {
    #expect(try JSONParser.parse(text) == .string(expected))
  }

  @Test(arguments: ["0", "-1", "9223372036854775807", "-9223372036854775808"])
  func integersAreExact(_ text: String) throws {
    #expect(try JSONParser.parse(text) == .integer(try #require(Int64(text))))
  }

  @Test(arguments: [
    "1e-06", "1E5", "0.1", "-0", "-0.0", "9223372036854775808", "1.50", "123456789012345678901234567890",
  ])
  func numbersKeepTheirSpelling(_ text: String) throws {
    let value = try JSONParser.parse(text)
    #expect(JSONWriter.write(value) == Array(text.utf8))
    #expect(value.double == Double(text))
  }

  @Test func nonFiniteNumbersAreReadWhereAllowed() throws {
    let text = "[NaN, Infinity, -Infinity]"
    let value = try JSONParser.parse(text, options: .nonFiniteNumbers)
    #expect(value["0"]?.double?.isNaN == true)
    #expect(value["2"]?.double == -.infinity)
    #expect(JSONWriter.write(value, .oneLine) == Array(text.utf8))
  }

  @Test func dottedPathsLeadIntoObjectsAndArrays() throws {
    let value = try JSONParser.parse(#"{"text_config": {"layer_types": ["a", {"b": null}], "n": 3, "eps": 1e-6}}"#)
    #expect(value["text_config.layer_types.0"]?.string == "a")
    #expect(value["text_config.layer_types.1.b"]?.isNull == true)
    #expect(value["text_config.n"]?.integer == 3)
    #expect(value["text_config.eps"]?.double == 1e-6)
    for path in [
      "text_config.layer_types.2", "text_config.layer_types.-1", "text_config.n.0", "none", "", "text_config.",
    ] {
      #expect(value[path] == nil, "\(path)")
    }
  }

  @Test func largeObjectsFindTheirMembers() throws {
    let count = 5000
    let text = "{" + (0..<count).map { "\"key\($0)\":\($0)" }.joined(separator: ",") + "}"
    var object = try #require(JSONParser.parse(text).object)
    #expect(object.keys == (0..<count).map { "key\($0)" })
    #expect(object["key4321"] == .integer(4321 as Int64))
    object.remove("key7")
    object["new"] = .null
    object["key8"] = .bool(true)
    #expect(object.count == count)
    #expect(object["key7"] == nil && object["key9"] == .integer(9 as Int64) && object["key8"] == .bool(true))
    #expect(object.keys.last == "new")
  }
}
