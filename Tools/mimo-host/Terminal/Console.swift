import Glibc
import MimoJSON
import MimoSystem

/// Where the command's words go: results to stdout, all else to stderr.
enum Console {
  /// Throws when the result does not arrive, so that half of it is not taken for whole.
  static func printResult(_ text: String) throws(MimoError) {
    guard let code = write(text, to: STDOUT_FILENO) else { return }
    // A reader that has read enough and gone away is no error.
    guard code != EPIPE else { return }
    throw MimoError(
      .system, "the result can not be written to standard output: \(String(cString: strerror(code)))",
      remedy: "Send it elsewhere; OUT, where one was asked for, is complete", errno: code)
  }

  /// A result for machines.
  static func printResult(_ json: JSONValue) throws(MimoError) {
    try printResult(String(decoding: JSONWriter.write(json, .indented(2)), as: UTF8.self) + "\n")
  }

  static func printError(_ error: MimoError) {
    write("mimo-host: error: \(error.description)\n", to: STDERR_FILENO)
  }

  static func printWarning(_ text: String) { write("mimo-host: warning: \(text)\n", to: STDERR_FILENO) }

  static func printNote(_ text: String) { write("mimo-host: note: \(text)\n", to: STDERR_FILENO) }

  /// Writes all of a text; errno when that fails.
  @discardableResult
  static func write(_ text: String, to descriptor: Int32) -> Int32? {
    var text = text
    return text.withUTF8 { bytes in
      var done = 0
      while done < bytes.count {
        let count = Glibc.write(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return count == 0 ? EIO : errno }
        done += count
      }
      return nil
    }
  }
}
