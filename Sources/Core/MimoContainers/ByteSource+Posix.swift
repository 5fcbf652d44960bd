import MimoSystem

/// A regular file, open for reading as long as this lives.
package final class PosixByteSource: ByteSource {
  package let size: UInt64
  private let file: File

  /// Opens a file; a symbolic link must stay in the checkpoint's folder.
  package init(path: String) throws(MimoError) {
    try SourceFolders.check(path)
    file = try File.openForReading(path, in: .shared)
    size = try file.size()
  }

  /// A file that is open already, links followed.
  package init(_ file: File) throws(MimoError) {
    self.file = file
    size = try file.size()
  }

  package var path: String { file.path }

  package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(MimoError) {
    try file.read(into: buffer, at: offset)
  }
}
