import MimoSystem
import MimoTensor

/// Lays items out in `.distcp` files: one after the other, without gaps, in the order in which they are added.
package struct DistCheckpointLayout: Sendable {
  /// Names of the files, by number.
  package let fileNames: [String]
  /// Bytes that each file has so far.
  package private(set) var fileSizes: [UInt64]

  package init(fileNames: [String]) throws(MimoError) {
    for name in fileNames where !DistCheckpointNames.isValidFileName(name) {
      throw MimoError(.internalError, "\(name.debugDescription) is no file name for a checkpoint")
    }
    guard Set(fileNames).count == fileNames.count else {
      throw MimoError(.internalError, "two files of a checkpoint have the same name")
    }
    self.fileNames = fileNames
    fileSizes = Array(repeating: 0, count: fileNames.count)
  }

  /// The names that torch gives: `__{rank}_{n}.distcp`.
  package static func fileName(rank: Int, number: Int = 0) -> String { "__\(rank)_\(number).distcp" }

  /// Adds an item of `length` bytes to a file; gives where it begins.
  package mutating func add(length: UInt64, file: Int) throws(MimoError) -> UInt64 {
    guard fileSizes.indices.contains(file) else { throw MimoError(.internalError, "there is no file \(file)") }
    let offset = fileSizes[file]
    let (end, overflow) = offset.addingReportingOverflow(length)
    guard !overflow, end < 1 << 62 else {
      throw MimoError(.invalidInput, "the file grows too large", path: fileNames[file])
    }
    fileSizes[file] = end
    return offset
  }

  /// Adds a tensor item for one region; its elements begin at `item.dataOffset` behind the chunk's offset.
  package mutating func add(_ item: TensorItemLayout, region: Region, file: Int) throws(MimoError) -> DistChunk {
    DistChunk(region: region, file: file, offset: try add(length: item.length, file: file), length: item.length)
  }

  /// Adds an object item.
  package mutating func add(key: String, item: [UInt8], file: Int) throws(MimoError) -> DistObject {
    let length = UInt64(item.count)
    return DistObject(key: key, file: file, offset: try add(length: length, file: file), length: length)
  }
}
