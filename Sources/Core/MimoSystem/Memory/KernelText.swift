import Glibc

/// Small texts in which the kernel tells what it knows: files without a size.
enum KernelText {
  /// More is not read.
  private static let longest = 1 << 20

  /// The lines of a file; nil where it can not be read.
  static func lines(of path: String) -> [Substring]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 14)
    while text.count < longest {
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0 {
        if errno == EINTR { continue }
        return nil
      }
      if count == 0 { break }
      text += buffer[..<count]
    }
    return String(decoding: text, as: UTF8.self).split(separator: "\n")
  }

  /// The number behind a word at the start of a line: `MemAvailable:  123 kB`, `inactive_file 123`.
  static func number(_ word: String, in lines: [Substring]?) -> Int? {
    for line in lines ?? [] where line.hasPrefix(word) {
      let fields = line.split { $0 == " " || $0 == "\t" }
      guard fields.first?.elementsEqual(word) == true, fields.count > 1 else { continue }
      return Int(fields[1])
    }
    return nil
  }
}
