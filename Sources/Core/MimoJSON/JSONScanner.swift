import MimoSystem

/// Reads the tokens of a JSON text (RFC 8259) from memory, byte by byte; every error names the byte.
///
/// Big texts whose shape is known are read with it directly, so that no tree of them is ever built.
package struct JSONScanner {
  private let bytes: UnsafeRawBufferPointer
  private let path: String?
  /// Position in the file of the first byte of `bytes`.
  private let origin: UInt64
  package private(set) var position = 0

  /// `bytes` must outlive the scanner.
  package init(_ bytes: UnsafeRawBufferPointer, path: String? = nil, origin: UInt64 = 0) {
    self.bytes = bytes
    self.path = path
    self.origin = origin
  }

  package func failure(_ message: String, at place: Int? = nil, tensor: String? = nil) -> MimoError {
    MimoError(.invalidInput, message, path: path, tensor: tensor, byte: origin + UInt64(place ?? position))
  }

  /// The next byte that is not white space, without taking it; nil at the end.
  package mutating func peek() -> UInt8? {
    while position < bytes.count {
      let byte = bytes[position]
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
      position += 1
    }
    return nil
  }

  /// Takes `byte`, which must come next after white space.
  package mutating func expect(_ byte: UInt8, _ what: @autoclosure () -> String) throws(MimoError) {
    guard peek() == byte else { throw unexpected("expected \(what())") }
    position += 1
  }

  /// Takes `byte` if it comes next after white space.
  package mutating func take(_ byte: UInt8) -> Bool {
    guard peek() == byte else { return false }
    position += 1
    return true
  }

  /// Takes the exact word (`true`, `null`, ...) if it is what comes next.
  package mutating func take(word: StaticString) -> Bool {
    let count = word.utf8CodeUnitCount
    guard peek() != nil, bytes.count - position >= count else { return false }
    for i in 0..<count where bytes[position + i] != word.utf8Start[i] { return false }
    position += count
    return true
  }

  /// Nothing but white space may follow.
  package mutating func expectEnd() throws(MimoError) {
    guard peek() == nil else { throw unexpected("expected nothing more") }
  }

  func unexpected(_ expectation: String) -> MimoError {
    guard position < bytes.count else { return failure("JSON ends too early, \(expectation)") }
    return failure("not JSON: \(expectation), found \(describe(bytes[position]))")
  }

  /// Takes a string.
  package mutating func string(_ what: @autoclosure () -> String = "a string") throws(MimoError) -> String {
    try expect(UInt8(ascii: "\""), what())
    let start = position
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") {
        let text = try text(start..<position, from: start)
        position += 1
        return text
      }
      if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
      guard byte >= 0x20 else { throw failure("not JSON: control character in a string") }
      position += 1
    }
    throw failure("JSON ends within a string", at: start - 1)
  }

  /// Takes a non-negative integer without fraction or exponent.
  package mutating func unsigned(_ what: @autoclosure () -> String) throws(MimoError) -> UInt64 {
    guard let first = peek(), isDigit(first) else { throw unexpected("expected \(what())") }
    let start = position
    var value: UInt64 = 0
    while position < bytes.count, isDigit(bytes[position]) {
      let (scaled, overflowA) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflowB) = scaled.addingReportingOverflow(UInt64(bytes[position] - 0x30))
      guard !overflowA, !overflowB else { throw failure("\(what()) is too large", at: start) }
      value = sum
      position += 1
    }
    guard position - start == 1 || first != UInt8(ascii: "0") else {
      throw failure("not JSON: number with a leading zero", at: start)
    }
    if position < bytes.count, [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains(bytes[position]) {
      throw failure("expected \(what()), found a number that is not an integer", at: start)
    }
    return value
  }

  /// Takes a number.
  mutating func number() throws(MimoError) -> JSONValue {
    let start = position
    let negative = current == UInt8(ascii: "-")
    if negative { position += 1 }
    let firstDigit = position
    try digits("a digit")
    if position - firstDigit > 1, bytes[firstDigit] == UInt8(ascii: "0") {
      throw failure("not JSON: number with a leading zero", at: start)
    }
    let isInteger = current.map { $0 != UInt8(ascii: ".") && $0 | 0x20 != UInt8(ascii: "e") } ?? true
    if isInteger, let value = integer(firstDigit..<position, negative: negative) { return .integer(value) }
    if current == UInt8(ascii: ".") {
      position += 1
      try digits("a digit after the decimal point")
    }
    if let byte = current, byte | 0x20 == UInt8(ascii: "e") {
      position += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
      try digits("a digit in the exponent")
    }
    let text = try text(start..<position, from: start)
    guard let value = Double(text) else { throw failure("not JSON: malformed number", at: start) }
    return .number(value, text: text)
  }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func digits(_ what: String) throws(MimoError) {
    guard let byte = current, isDigit(byte) else { throw unexpected("expected \(what)") }
    while position < bytes.count, isDigit(bytes[position]) { position += 1 }
  }

  /// nil when it does not fit, or is a zero with a sign (which an integer would lose).
  private func integer(_ range: Range<Int>, negative: Bool) -> Int64? {
    var value: Int64 = 0
    for i in range {
      let digit = Int64(bytes[i] - 0x30)
      let (scaled, overflowA) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflowB) = scaled.addingReportingOverflow(negative ? -digit : digit)
      if overflowA || overflowB { return nil }
      value = sum
    }
    return negative && value == 0 ? nil : value
  }

  /// The rest of a string that began at `start` and has an escape at `position`.
  private mutating func escapedString(from start: Int) throws(MimoError) -> String {
    var result = Array(bytes[start..<position])
    while let byte = current {
      switch byte {
      case UInt8(ascii: "\""):
        let text = try result.withUnsafeBytes { buffer in
          capture { () throws(MimoError) in try validated(buffer, from: start) }
        }.get()
        position += 1
        return text
      case UInt8(ascii: "\\"):
        try escape(into: &result)
      case 0..<0x20:
        throw failure("not JSON: control character in a string")
      default:
        result.append(byte)
        position += 1
      }
    }
    throw failure("JSON ends within a string", at: start - 1)
  }

  private mutating func escape(into result: inout [UInt8]) throws(MimoError) {
    let start = position
    position += 1
    guard let byte = current else { throw failure("JSON ends within a string") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(byte)
    case UInt8(ascii: "b"): result.append(0x08)
    case UInt8(ascii: "f"): result.append(0x0C)
    case UInt8(ascii: "n"): result.append(0x0A)
    case UInt8(ascii: "r"): result.append(0x0D)
    case UInt8(ascii: "t"): result.append(0x09)
    case UInt8(ascii: "u"): result.append(contentsOf: Array(String(try scalar(from: start)).utf8))
    default: throw failure("not JSON: unknown escape \\\(describe(byte))", at: start)
    }
  }

  /// The character of one `\uXXXX`, or of two that form a surrogate pair; the first `\u` is taken already.
  private mutating func scalar(from start: Int) throws(MimoError) -> Character {
    let high = try hexadecimal()
    var code = high
    if (0xD800..<0xDC00).contains(high), current == UInt8(ascii: "\\"), position + 1 < bytes.count,
      bytes[position + 1] == UInt8(ascii: "u")
    {
      position += 2
      let low = try hexadecimal()
      guard (0xDC00..<0xE000).contains(low) else {
        throw failure("not JSON: half of a surrogate pair", at: start)
      }
      code = 0x10000 + (high - 0xD800) << 10 + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(code) else { throw failure("not JSON: half of a surrogate pair", at: start) }
    return Character(scalar)
  }

  private mutating func hexadecimal() throws(MimoError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      let digit: UInt8
      switch current {
      case let byte? where isDigit(byte): digit = byte - 0x30
      case let byte? where (0x61...0x66).contains(byte | 0x20): digit = (byte | 0x20) - 0x61 + 10
      default: throw unexpected("expected four hexadecimal digits")
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }

  private func text(_ range: Range<Int>, from start: Int) throws(MimoError) -> String {
    try validated(UnsafeRawBufferPointer(rebasing: bytes[range]), from: start)
  }

  private func validated(_ part: UnsafeRawBufferPointer, from start: Int) throws(MimoError) -> String {
    guard let text = String(fileText: part.bindMemory(to: UInt8.self)) else {
      throw failure("not JSON: string is not UTF-8, or has a character of too many marks", at: start)
    }
    return text
  }

  private func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

  private func describe(_ byte: UInt8) -> String {
    (0x21..<0x7F).contains(byte)
      ? "'\(Character(Unicode.Scalar(byte)))'" : "byte 0x\(String(byte, radix: 16, uppercase: true))"
  }
}
