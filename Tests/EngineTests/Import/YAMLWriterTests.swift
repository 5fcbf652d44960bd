import MimoJSON
import Testing

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

/// The text of values, as YAML 1.1 readers take them; Tests/Interop lets PyYAML read the same.
@Suite struct YAMLWriterTests {
  private func text(_ key: String, _ value: JSONValue) -> String {
    var object = JSONObject()
    object[key] = value
    return YAMLWriter.write(object)
  }

  @Test(arguments: [
    ("plain_word-1.0/x", "plain_word-1.0/x"), ("no", "\"no\""), ("1e3", "\"1e3\""), ("", "\"\""),
    ("a b", "\"a b\""), ("a: #b", "\"a: #b\""), ("q\"\\", "\"q\\\"\\\\\""), ("\t\n\u{08}\u{1}", "\"\\t\\n\\b\\u0001\""),
    ("\u{7F}\u{85}é", "\"\\u007f\\u0085\\u00e9\""), ("\u{FFFD}\u{FFFF}", "\"\\ufffd\\uffff\""),
    ("\u{10000}", "\"\\U00010000\""), ("d 😀/out", "\"d \\U0001f600/out\""), ("\u{10FFFF}", "\"\\U0010ffff\""),
    ("👩‍🚀", "\"\\U0001f469\\u200d\\U0001f680\""),
  ])
  func stringsAreEscapedCharacterByCharacter(string: String, written: String) {
    #expect(text("key", .string(string)) == "key: \(written)\n")
  }

  @Test func keysAreEscapedLikeValues() {
    #expect(text("😀", .array([.string("😀")])) == "\"\\U0001f600\":\n- \"\\U0001f600\"\n")
  }

  /// Without a point, or a sign of the exponent, a number is a string.
  @Test(arguments: [
    ("1e-06", "1.0e-06"), ("1E-6", "1.0E-6"), ("1e6", "1.0e+6"), ("1.5e6", "1.5e+6"), ("1.5E6", "1.5e+6"), ("-2.5e-1", "-2.5e-1"),
    ("1.5e+6", "1.5e+6"), ("0.5", "0.5"),
  ])
  func floatsStayFloats(spelling: String, written: String) throws {
    let number = try JSONParser.parse(Array(spelling.utf8), path: "number")
    #expect(text("key", number) == "key: \(written)\n")
  }
}
