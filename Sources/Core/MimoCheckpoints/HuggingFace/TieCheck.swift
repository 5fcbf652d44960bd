import MimoContainers
import MimoSystem
import MimoTransfer

/// Tied tensors that are stored twice must be the same, or one of them would be lost, which only a family that says so
/// may do.
package enum TieCheck {
  private static let window = 4 << 20

  /// Answers those that differ and are left out.
  package static func run(
    _ duplicates: [SourceMatch.Duplicate], in folder: HuggingFaceFolder
  ) throws(MimoError) -> [SourceMatch.Drop] {
    var drops: [SourceMatch.Drop] = []
    for duplicate in duplicates {
      guard let one = folder.tensor(duplicate.name), let other = folder.tensor(duplicate.original),
        let difference = try difference(one, other, folder)
      else { continue }
      guard let reason = duplicate.dropReason else {
        throw differs(duplicate, folder.files[one.file].path, difference)
      }
      drops.append(
        .init(name: duplicate.name, reason: "\(reason); it \(difference) \(duplicate.original)", bytes: one.range.count))
    }
    return drops
  }

  private static func difference(
    _ one: HuggingFaceFolder.Tensor, _ other: HuggingFaceFolder.Tensor, _ folder: HuggingFaceFolder
  ) throws(MimoError) -> String? {
    guard one.dtype == other.dtype, one.shape == other.shape else { return "has another dtype or shape than" }
    return try isEqual(one, other, folder) ? nil : "does not hold the same values as"
  }

  private static func differs(_ duplicate: SourceMatch.Duplicate, _ path: String, _ how: String) -> MimoError {
    MimoError(
      .invalidInput, "config.json ties it to \(duplicate.original), but it \(how) that", path: path,
      tensor: duplicate.name, remedy: "Set tie_word_embeddings to false if the head is one of its own")
  }

  private static func isEqual(
    _ a: HuggingFaceFolder.Tensor, _ b: HuggingFaceFolder.Tensor, _ folder: HuggingFaceFolder
  ) throws(MimoError) -> Bool {
    let fileA = try File.openForReading(folder.files[a.file].path)
    let fileB = try File.openForReading(folder.files[b.file].path)
    var first = ByteBuffer()
    var second = ByteBuffer()
    var position = 0
    while position < a.range.count {
      try Interruption.check()
      let count = min(window, a.range.count - position)
      let bytesA = try first.reserve(count)
      let bytesB = try second.reserve(count)
      try fileA.read(into: bytesA, at: a.range.lowerBound + UInt64(position))
      try fileB.read(into: bytesB, at: b.range.lowerBound + UInt64(position))
      guard let baseA = bytesA.baseAddress, let baseB = bytesB.baseAddress, memoryIsEqual(baseA, baseB, count) else {
        return false
      }
      position += count
    }
    return true
  }
}
