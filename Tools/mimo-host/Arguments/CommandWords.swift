import Glibc
import MimoSystem

/// The words of the command line, from their bytes: what is no UTF-8 is refused, for repaired it would be another name.
enum CommandWords {
  static func read() throws(MimoError) -> [String] {
    var words: [String] = []
    for place in 0..<Int(CommandLine.argc) {
      guard let start = CommandLine.unsafeArgv[place] else { break }
      words.append(try text(start, "argument \(place)"))
    }
    try checkFolder()
    return words
  }

  /// Relative paths begin in the current folder.
  private static func checkFolder() throws(MimoError) {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    guard getcwd(&buffer, buffer.count) != nil else { return }
    _ = try text(buffer, "the current folder")
  }

  static func text(_ start: UnsafePointer<CChar>, _ what: String) throws(MimoError) -> String {
    let bytes = UnsafeBufferPointer(start: start, count: strlen(start)).map { UInt8(bitPattern: $0) }
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    throw MimoError(
      .usage, "\(what) is not UTF-8: '\(spelled(bytes))'", remedy: "Rename it: names of files and folders are UTF-8 here")
  }

  /// Bytes with all but printable ASCII as `\xNN`.
  private static func spelled(_ bytes: [UInt8]) -> String {
    bytes.map { byte in
      if (0x20..<0x7F).contains(byte) { return String(UnicodeScalar(byte)) }
      return "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }
}
