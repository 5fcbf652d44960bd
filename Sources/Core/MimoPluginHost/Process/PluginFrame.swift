import MimoSystem

/// A part of a plugin process's answer: its length in four bytes, a byte that says what it is, and so many bytes.
package enum PluginFrame: UInt8 {
  /// The table, first.
  case info = 1
  /// Whole declarations, in order.
  case declarations
  /// Describing came to its end; last.
  case done
  /// An error; last.
  case failure
  /// What a trial of `plugin check` saw.
  case finding

  package static let headSize = 5
  /// The longest one that is read: a declaration may name a million nodes.
  static let longest = 1 << 24

  package func bytes(_ payload: [UInt8]) -> [UInt8] {
    let length = UInt32(truncatingIfNeeded: payload.count)
    return [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: length >> $0) } + [rawValue] + payload
  }
}

/// Cuts what comes from a plugin's process into frames.
package struct FrameReader {
  private var pending: [UInt8] = []
  private var total = 0
  /// Bytes of an answer that are read: what is made of them is some times as large. A model of 10^12 parameters takes an eighth.
  static let limit = 1 << 28

  package init() {}

  /// Whether no part of a frame is left over.
  var isComplete: Bool { pending.isEmpty }

  /// Takes bytes as they come; hands over each frame that is complete.
  package mutating func append(
    _ bytes: ArraySlice<UInt8>, _ handle: (PluginFrame, [UInt8]) throws(MimoError) -> Void
  ) throws(MimoError) {
    total += bytes.count
    guard total <= FrameReader.limit else { throw FrameReader.unreadable("it never ends") }
    pending += bytes
    var start = 0
    while pending.count - start >= PluginFrame.headSize {
      let length = (0..<4).reduce(0) { $0 | Int(pending[start + $1]) << (8 * $1) }
      guard let frame = PluginFrame(rawValue: pending[start + 4]), length <= PluginFrame.longest else {
        throw FrameReader.unreadable("it is no message of ours")
      }
      let payload = start + PluginFrame.headSize
      guard pending.count - payload >= length else { break }
      start = payload + length
      try handle(frame, Array(pending[payload..<start]))
    }
    pending.removeFirst(start)
  }

  static func unreadable(_ why: String) -> MimoError {
    MimoError(
      .plugin, "the plugin's process answers what can not be read: \(why)", remedy: "This is a fault of the plugin")
  }
}
