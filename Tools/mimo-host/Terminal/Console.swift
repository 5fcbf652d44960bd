import Glibc
import MimoFormats
import MimoSystem

/// Where the command's words go: results to stdout, all else to stderr.
enum Console {
  static func printResult(_ text: String) { write(text, to: STDOUT_FILENO) }

  static func printError(_ error: MimoError) {
    write("mimo-host: error: \(error.description)\n", to: STDERR_FILENO)
  }

  static func printWarning(_ text: String) { write("mimo-host: warning: \(text)\n", to: STDERR_FILENO) }

  /// Writes all of a text; a reader that has gone away is not an error of ours.
  static func write(_ text: String, to descriptor: Int32) {
    var text = text
    text.withUTF8 { bytes in
      var done = 0
      while done < bytes.count {
        let count = Glibc.write(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return }
        done += count
      }
    }
  }
}

extension Console {
  /// A result for machines.
  static func printResult(_ json: JSONValue) {
    printResult(String(decoding: JSONWriter.write(json, .indented(2)), as: UTF8.self) + "\n")
  }
}
