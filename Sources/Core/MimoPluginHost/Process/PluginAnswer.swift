import MimoMapping
import MimoSystem

/// What a plugin's process has answered so far. The model is built while the plugin still describes it.
package final class PluginAnswer {
  package private(set) var info: PluginInfo?
  /// nil as long as the process has not come to its end.
  package private(set) var result: Result<Void, MimoError>?
  private let path: String
  private let limit: Int
  private var frames = FrameReader()
  private var model: DeclaredModel?

  /// - Parameters:
  ///   - path: the plugin's file.
  ///   - limit: declarations that are taken.
  package init(path: String, limit: Int) {
    self.path = path
    self.limit = limit
  }

  package func receive(_ bytes: ArraySlice<UInt8>) throws(MimoError) {
    // The model grows by what comes: it must not be what takes the last of the memory.
    try RawMemory.ensure(MemoryLimit.spareAddresses / 2)
    try frames.append(bytes) { (frame, payload) throws(MimoError) in
      guard result == nil else { throw FrameReader.unreadable("it goes on after its end") }
      try WireReader.read(payload) { (wire) throws(MimoError) in try take(frame, &wire) }
    }
  }

  private func take(_ frame: PluginFrame, _ wire: inout WireReader) throws(MimoError) {
    switch frame {
    case .info where info == nil:
      let info = try PluginInfo(from: &wire, path: path)
      model = DeclaredModel(components: info.components.map(\.name), limit: limit)
      self.info = info
    case .declarations where info != nil: try model?.take(&wire)
    case .done where info != nil: result = .success(())
    case .failure: result = .failure(try MimoError(from: &wire))
    default: throw FrameReader.unreadable("a message comes out of turn")
    }
  }

  /// The finished description.
  package func description() throws(MimoError) -> ModelDescription {
    guard let model, frames.isComplete else { throw FrameReader.unreadable("it has no end") }
    return try model.description()
  }
}
