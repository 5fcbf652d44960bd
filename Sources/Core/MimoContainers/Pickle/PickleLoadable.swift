import MimoSystem

/// Tells files that a pickle loader would open, and so may run: by name, or by their first bytes.
package enum PickleLoadable {
  /// Names that torch's and pickle's users give to such files.
  private static let endings = [".pt", ".pth", ".bin", ".pkl", ".pickle", ".ckpt"]
  /// First bytes that are looked at.
  private static let headLength = 9

  /// Why a loader would open the file of this name, which lies at `path`; nil for one that it would not.
  package static func reason(name: String, at path: String) throws(MimoError) -> String? {
    let lowered = name.lowercased()
    if let ending = endings.first(where: lowered.hasSuffix) { return "\(ending) files are opened as pickles" }
    let file = try File.openForReading(path)
    let head = try PosixByteSource(file).bytes(at: 0, count: Int(min(file.size(), UInt64(headLength))))
    return reason(name: lowered, head: head)
  }

  /// By first bytes alone: of a torch.save archive, or of a pickle of protocol 2 or later. Older ones are plain text.
  static func reason(name: String, head: [UInt8]) -> String? {
    if head.starts(with: [0x50, 0x4B, 3, 4]) || head.starts(with: [0x50, 0x4B, 5, 6]) {
      return "it is a zip archive, which torch opens as a pickle"
    }
    guard head.count > 2, head[0] == PickleOpcode.proto.rawValue, (2...5).contains(head[1]) else { return nil }
    // The head of a safetensors file begins with its length, which may be any number.
    if name.hasSuffix(".safetensors"), head.count == headLength, head[4..<8].allSatisfy({ $0 == 0 }), head[8] == 0x7B {
      return nil
    }
    return "it begins as a pickle"
  }
}
