import Glibc
import MimoSystem

/// Where a plugin's process is asked, and where it answers.
package struct AnswerChannel {
  let descriptor: CInt

  /// All of stdin.
  static func readRequest() throws(MimoError) -> [UInt8] {
    var request: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(STDIN_FILENO, &buffer, buffer.count)
      if count > 0 { request += buffer[..<count] }
      if count == 0 { return request }
      if count < 0, errno != EINTR {
        throw MimoError(.system, "the request can not be read: \(String(cString: strerror(errno)))", errno: errno)
      }
    }
  }

  package func send(_ frame: PluginFrame, _ write: (inout WireWriter) -> Void) {
    var wire = WireWriter()
    write(&wire)
    send(frame, wire.bytes)
  }

  /// A host that has gone away needs no answer.
  package func send(_ frame: PluginFrame, _ payload: [UInt8] = []) {
    let bytes = frame.bytes(payload)
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        buffer.baseAddress.map { write(descriptor, $0 + done, buffer.count - done) } ?? 0
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      done += count
    }
  }
}
