/// The one error type of mimo-host: what went wrong, where, and what the user can do.
///
/// `description` is the single line that a user reads.
package struct MimoError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure; decides the exit code of the command.
  package enum Code: Int32, Sendable, CaseIterable {
    /// The command line can not be carried out as written.
    case usage = 2
    /// A checkpoint, config or plugin holds something that it must not, or lacks something that it must have.
    case invalidInput = 3
    /// The asked layout does not fit the model or the ranks.
    case layout = 4
    /// A plugin could not be loaded, or broke the contract.
    case plugin = 5
    /// Reading, writing, space or permissions.
    case system = 6
    /// Two checkpoints that were compared differ.
    case difference = 7
    /// Something that this version does not do.
    case unsupported = 8
    /// A broken promise of our own code.
    case internalError = 70
    /// Stopped by SIGHUP.
    case hungUp = 129
    /// Stopped by SIGINT.
    case interrupted = 130
    /// Stopped by SIGTERM.
    case terminated = 143
  }

  package var code: Code
  package var message: String
  /// The file it is about.
  package var path: String?
  /// The tensor (or key) it is about.
  package var tensor: String?
  /// Byte position in the file.
  package var byte: UInt64?
  /// What to do about it.
  package var remedy: String?
  /// errno of a failed system call.
  package var errno: Int32?

  package init(
    _ code: Code, _ message: String, path: String? = nil, tensor: String? = nil, byte: UInt64? = nil,
    remedy: String? = nil, errno: Int32? = nil
  ) {
    self.code = code
    self.message = message
    self.path = path
    self.tensor = tensor
    self.byte = byte
    self.remedy = remedy
    self.errno = errno
  }

  package var description: String {
    var places: [String] = []
    if let path { places.append(path) }
    if let tensor { places.append("tensor \(tensor)") }
    if let byte { places.append("byte \(byte)") }
    var line = places.isEmpty ? message : places.joined(separator: ", ") + ": " + message
    if let remedy { line += ". " + remedy }
    return line.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: " ")
      .printable(atMost: MimoError.longestLine)
  }

  /// Longest line that is told whole: names in damaged files can have any length.
  private static let longestLine = 4000

  /// The same error, with a place filled in where none was known.
  package func at(path: String? = nil, tensor: String? = nil, byte: UInt64? = nil) -> MimoError {
    var copy = self
    copy.path = copy.path ?? path
    copy.tensor = copy.tensor ?? tensor
    copy.byte = copy.byte ?? byte
    return copy
  }
}
