import MimoSystem
import Testing

@Suite struct TextTests {
  @Test(arguments: [
    ("model.layers.0.weight", "model.layers.0.weight"), ("größe Ω 重", "größe Ω 重"), ("a\u{1B}[2Jb", "a\\u{1b}[2Jb"),
    ("a\nmimo-host: error", "a\\u{a}mimo-host: error"), ("a\u{202E}b\u{2028}c\u{7F}\u{85}", "a\\u{202e}b\\u{2028}c\\u{7f}\\u{85}"),
  ])
  func whatMovesACursorOrEndsALineIsSpelledOut(_ text: String, _ line: String) { #expect(text.printable == line) }
}
