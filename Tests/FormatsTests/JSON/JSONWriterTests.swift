import MimoJSON
import MimoSystem
import Testing

@Suite struct JSONWriterTests {
  /// What Python 3.12 `json.dumps` makes of the same value.
  @Test func theFormsAreThoseOfPython() throws {
    let value = try JSONParser.parse(#"{"b": [], "a": {}, "é\u0001\u007f": [1, {"x": null}], "t": "\"\\\n😀"}"#)
    #expect(
      text(JSONWriter.write(value, .indented(2)))
        == "{\n  \"b\": [],\n  \"a\": {},\n  \"é\\u0001\u{7F}\": [\n    1,\n    {\n      \"x\": null\n    }\n  ],\n"
        + "  \"t\": \"\\\"\\\\\\n😀\"\n}")
    #expect(
      text(JSONWriter.write(value, .oneLine, escapesNonASCII: true, sortsKeys: true))
        == "{\"a\": {}, \"b\": [], \"t\": \"\\\"\\\\\\n\\ud83d\\ude00\", \"\\u00e9\\u0001\u{7F}\": [1, {\"x\": null}]}")
    #expect(
      text(JSONWriter.write(value, .compact))
        == "{\"b\":[],\"a\":{},\"é\\u0001\u{7F}\":[1,{\"x\":null}],\"t\":\"\\\"\\\\\\n😀\"}")
  }

  /// Pairs made with Python's `repr`.
  @Test(arguments: [
    (1e-06, "1e-06"), (0.1, "0.1"), (1.0, "1.0"), (5_000_000.0, "5000000.0"), (1e16, "1e+16"), (-0.0, "-0.0"),
    (9_007_199_254_740_993.0, "9007199254740992.0"), (9_999_999_999_999_998.0, "9999999999999998.0"), (1e22, "1e+22"),
    (0.0001, "0.0001"), (0.00001, "1e-05"), (1.5e300, "1.5e+300"), (.infinity, "Infinity"), (0.02, "0.02"),
  ])
  func floatingPointNumbersAreSpelledAsInPython(_ value: Double, _ expected: String) {
    #expect(text(JSONWriter.write(.double(value))) == expected)
  }

  @Test func whatIsWrittenIsReadBackTheSame() throws {
    var random = SplitMix64(state: 3)
    for _ in 0..<300 {
      let value = randomValue(depth: 0, &random)
      for form in [JSONWriter.Form.compact, .oneLine, .indented(1)] {
        for escapes in [false, true] {
          let bytes = JSONWriter.write(value, form, escapesNonASCII: escapes)
          #expect(try JSONParser.parse(bytes, options: .nonFiniteNumbers) == value)
        }
      }
    }
  }

  private func randomValue(depth: Int, _ random: inout SplitMix64) -> JSONValue {
    switch Int.random(in: 0..<(depth < 4 ? 7 : 5), using: &random) {
    case 0: return .null
    case 1: return .bool(.random(using: &random))
    case 2: return .integer(Int64(truncatingIfNeeded: random.next()))
    case 3: return .double(Double(bitPattern: random.next()))
    case 4: return .string(randomText(&random))
    case 5:
      return .array((0..<Int.random(in: 0..<5, using: &random)).map { _ in randomValue(depth: depth + 1, &random) })
    default:
      var object = JSONObject()
      for _ in 0..<Int.random(in: 0..<20, using: &random) {
        object[randomText(&random)] = randomValue(depth: depth + 1, &random)
      }
      return .object(object)
    }
  }

  private func randomText(_ random: inout SplitMix64) -> String {
    let alphabet = Array("ab\"\\/\n\t\u{1}\u{7F}é€😀\u{FFFF}\0".unicodeScalars)
    var text = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: 0..<6, using: &random) {
      text.append(alphabet[Int.random(in: 0..<alphabet.count, using: &random)])
    }
    return String(text)
  }

  @Test(.enabled(if: Golden.isPresent, "the golden checkpoints are not beside the package"), arguments: Golden.json)
  func goldenFilesAreWrittenAgainUnchanged(_ file: String) throws {
    let bytes = try FileSystem.readSmallFile(FileSystem.join(Golden.folder, file))
    let value = try JSONParser.parse(bytes, path: file)
    let end = bytes.last == 0x0A ? [0x0A] as [UInt8] : []
    // Some files are written with an indent, some without, some with all characters as they are.
    let isSame = [(JSONWriter.Form.indented(2), false), (.indented(2), true), (.oneLine, true)].contains {
      JSONWriter.write(value, $0.0, escapesNonASCII: $0.1) + end == bytes
    }
    #expect(isSame)
  }

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
