import MimoSystem
import Synchronization

/// The records of a journal once more, one after the other; threads share them, so that none of a million must be kept.
package final class JournalRecords: Sendable {
  private let file: File
  private let end: UInt64
  private let position: Mutex<UInt64>

  /// - Parameters:
  ///   - start: behind the header.
  ///   - end: behind the last record.
  init(of file: File, from start: UInt64, to end: UInt64) {
    self.file = file
    self.end = end
    position = Mutex(start)
  }

  /// The next record; nil behind the last one.
  func next() throws(MimoError) -> [UInt8]? {
    try position.withLock { position throws(MimoError) in
      guard position < end else { return nil }
      guard let record = try JournalFile.record(file, at: position, size: end) else {
        throw MimoError(
          .system, "the journal does not hold what was written to it", path: file.path, byte: position,
          remedy: "Disk or memory lose bytes, or somebody wrote there; --restart begins anew")
      }
      position += UInt64(JournalFile.frameSize + record.count)
      return record
    }
  }
}
