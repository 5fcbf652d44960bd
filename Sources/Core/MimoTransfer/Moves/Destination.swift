import MimoSystem

/// Where an output becomes whole: a folder that is published, or nothing.
package protocol Destination {
  /// The folder that becomes OUT.
  var path: String { get }

  /// The files of the weights, at full size, with these bytes at their start; all else that lay there is removed.
  ///
  /// - Parameter subfolder: where the files' paths begin, inside of the folder.
  func files(_ files: [StoredFile], in subfolder: String?, heads: [[UInt8]]) throws(MimoError) -> [File]

  /// Moves what is not moved yet.
  func move(whole: [File], stored: [File], progress: @escaping ProgressHandler) throws(MimoError) -> MoveResult
}

extension Destination {
  package func files(_ files: [StoredFile], in subfolder: String? = nil) throws(MimoError) -> [File] {
    try self.files(files, in: subfolder, heads: [])
  }

  package func files(_ files: [StoredFile], heads: [[UInt8]]) throws(MimoError) -> [File] {
    try self.files(files, in: nil, heads: heads)
  }
}
