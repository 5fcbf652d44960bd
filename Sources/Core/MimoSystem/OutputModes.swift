import Glibc

/// What others than its owner may do with an output: no more than with all that it is made from.
package struct OutputModes: Sendable, Equatable {
  /// Of files. Their owner may always read and write; nobody may run them.
  package var file: mode_t
  package var folder: mode_t

  /// As the umask says.
  package static let unlimited = OutputModes(file: 0o666, folder: 0o777)

  private init(file: mode_t, folder: mode_t) {
    self.file = file
    self.folder = folder
  }

  /// - Parameter files: all that is read; what is made from them lies in a folder as closed as those that they lie in.
  package init(of files: [String]) throws(MimoError) {
    var modes = OutputModes.unlimited
    for path in files { modes.file &= try FileSystem.infoFollowingLinks(at: path).permissions }
    for folder in Set(files.map { FileSystem.split($0).parent }) {
      modes.folder &= try FileSystem.infoFollowingLinks(at: folder).permissions
    }
    self.init(file: modes.file | 0o600, folder: modes.folder | 0o700)
  }

  /// Of a file that is copied as it is.
  static func copy(of info: FileInfo) -> mode_t { info.permissions & 0o666 | 0o600 }
}
