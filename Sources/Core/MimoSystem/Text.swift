extension String {
  /// Marks that one character of a file's text may carry; Unicode's stream-safe text has 30.
  private static let mostMarks = 128

  /// The text of a file: nil for bytes that are not UTF-8, and for a character with more marks than any language has.
  ///
  /// Swift compares and hashes texts in their normal form, for which it sorts the marks of each character: a name of a
  /// million accents would take minutes.
  package init?(fileText bytes: some Collection<UInt8>) {
    guard let text = String(validating: bytes, as: UTF8.self), text.hasFewMarks else { return nil }
    self = text
  }

  /// The text as a terminal shows it in one line: names of files and tensors may hold what moves a cursor, or begins a line.
  package var printable: String { printable(atMost: .max) }

  /// The same, cut behind so many bytes.
  func printable(atMost limit: Int) -> String {
    if utf8.count < limit, utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return self }
    var line = ""
    for scalar in unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator: line += "\\u{\(String(scalar.value, radix: 16))}"
      default: line.unicodeScalars.append(scalar)
      }
      guard line.utf8.count < limit else { return line + "..." }
    }
    return line
  }

  private var hasFewMarks: Bool {
    // The first mark is U+0300, 0xCC 0x80.
    guard utf8.contains(where: { $0 >= 0xCC }) else { return true }
    var marks = 0
    for scalar in unicodeScalars {
      marks = scalar.properties.canonicalCombiningClass == .notReordered ? 0 : marks + 1
      if marks > String.mostMarks { return false }
    }
    return true
  }
}

/// A digest as its digits.
package func hex<Number: FixedWidthInteger>(_ number: Number) -> String {
  let digits = String(number, radix: 16)
  return String(repeating: "0", count: Number.bitWidth / 4 - digits.count) + digits
}
