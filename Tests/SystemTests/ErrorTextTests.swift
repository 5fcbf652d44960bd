import MimoSystem
import Testing

/// Names in hostile files come into errors: the line stays one, and a terminal shows it as it is.
@Suite struct ErrorTextTests {
  @Test(arguments: [
    ("a\u{1B}[2Jb", "a\\u{1b}[2Jb"), ("a\rb\u{7F}", "a\\u{d}b\\u{7f}"), ("a\u{202E}b", "a\\u{202e}b"),
    ("a\u{2028}b\u{85}c", "a\\u{2028}b\\u{85}c"), ("ünï\u{1F600}", "ünï\u{1F600}"), ("a\nb", "a b"),
  ])
  func controlCharactersAreSpelledOut(name: String, shown: String) {
    #expect(MimoError(.invalidInput, "is wrong", tensor: name).description == "tensor \(shown): is wrong")
  }

  @Test func linesHaveABound() {
    let error = MimoError(.invalidInput, "is wrong", tensor: String(repeating: "x", count: 1_000_000))
    #expect(error.description.utf8.count < 5000 && error.description.hasSuffix("..."))
  }
}

@Suite struct FileTextTests {
  @Test(arguments: ["", "plain", "e\u{301}", "\u{1F468}\u{200D}\u{1F469}", "a" + String(repeating: "\u{316}\u{301}", count: 64)])
  func textIsText(_ text: String) { #expect(String(fileText: Array(text.utf8)) == text) }

  /// Two kinds of marks in turn are what sorting takes longest for.
  @Test(arguments: [65, 1_000_000]) func charactersOfManyMarksAreRefused(count: Int) {
    #expect(String(fileText: Array(("a" + String(repeating: "\u{316}\u{301}", count: count)).utf8)) == nil)
  }

  @Test(arguments: [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xC0, 0x80]] as [[UInt8]]) func otherBytesAreNone(_ bytes: [UInt8]) {
    #expect(String(fileText: bytes) == nil)
  }
}
