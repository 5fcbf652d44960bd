import PluginABI

/// UTF-8 text that the host lent for the time of `describe`.
///
/// Comparing bytes keeps the Unicode tables of `String` out of the library.
package struct Text {
  let view: mimo_string

  init(view: mimo_string) { self.view = view }

  package init(_ literal: StaticString) { view = mimo_string(literal) }

  package var string: String {
    guard let data = view.data else { return "" }
    return String(decoding: UnsafeRawBufferPointer(start: data, count: view.length), as: UTF8.self)
  }

  package func matches(_ other: StaticString) -> Bool {
    guard view.length == other.utf8CodeUnitCount else { return false }
    guard view.length > 0 else { return true }
    guard let data = view.data else { return false }
    return other.withUTF8Buffer { bytes in
      UnsafeRawBufferPointer(start: data, count: bytes.count).elementsEqual(UnsafeRawBufferPointer(bytes))
    }
  }
}

extension mimo_string {
  /// A view of a literal: lives as long as the library.
  package init(_ literal: StaticString) {
    self.init(
      data: UnsafeRawPointer(literal.utf8Start).assumingMemoryBound(to: CChar.self),
      length: literal.utf8CodeUnitCount)
  }
}

extension String {
  /// Lends the bytes for one call.
  func lend<Answer>(_ body: (mimo_string) -> Answer) -> Answer {
    var copy = self
    return copy.withUTF8 { bytes in
      body(
        mimo_string(
          data: UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self), length: bytes.count))
    }
  }
}
