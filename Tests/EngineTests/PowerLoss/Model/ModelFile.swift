import MimoSystem

/// A file's bytes on a disk, and the changes of them that no sync covers yet.
struct ModelFile {
  enum Change {
    case write(offset: Int, bytes: [UInt8])
    case resize(Int)
  }

  /// What becomes of changes that no sync covers.
  enum Fate {
    case lost, kept
    /// Sizes reach the disk, bytes do not: zeros, as file systems give for blocks that were never written.
    case sizeAlone
    /// Each piece of so many bytes has what any one of the changes left there, and the size is any that the file had.
    case torn(piece: Int)
  }

  private(set) var durable: [UInt8]
  /// When it was last changed, where a sync promises that; nanoseconds since 1970.
  private(set) var modified: Int64?
  private(set) var pending: [Change] = []

  init(durable: [UInt8] = [], modified: Int64? = nil) {
    self.durable = durable
    self.modified = modified
  }

  mutating func add(_ change: Change) {
    pending.append(change)
    modified = nil
  }

  /// - Parameter modified: nil where the sync does not cover it.
  mutating func sync(modified: Int64?) {
    durable = cached
    pending = []
    if let modified { self.modified = modified }
  }

  /// What a reader sees while the machine runs.
  var cached: [UInt8] { pending.reduce(into: durable) { ModelFile.apply($1, to: &$0) } }

  /// What a reader may see after the machine is lost.
  func bytes(_ fate: Fate, _ random: inout SplitMix64) -> [UInt8] {
    if pending.isEmpty { return durable }
    switch fate {
    case .lost: return durable
    case .kept: return cached
    case .sizeAlone: return ModelFile.resized(durable, to: sizes.last ?? durable.count)
    case .torn(let piece): return torn(piece, &random)
    }
  }

  /// The size before the first and after each change that no sync covers.
  private var sizes: [Int] {
    var sizes = [durable.count]
    for change in pending {
      switch change {
      case .write(let offset, let bytes): sizes.append(max(sizes[sizes.count - 1], offset + bytes.count))
      case .resize(let size): sizes.append(size)
      }
    }
    return sizes
  }

  private func torn(_ piece: Int, _ random: inout SplitMix64) -> [UInt8] {
    let sizes = sizes
    let ranges = zip(pending, sizes).map { change, size in
      switch change {
      case .write(let offset, let bytes): offset..<(offset + bytes.count)
      case .resize(let new): min(new, size)..<size
      }
    }
    var changes: [Int: Int] = [:]
    for range in ranges { for index in ModelFile.pieces(of: range, piece) { changes[index, default: 0] += 1 } }
    var left: [Int: Int] = [:]
    for (index, count) in changes.sorted(by: { $0.key < $1.key }) { left[index] = Int.random(in: 0...count, using: &random) }
    var bytes = ModelFile.resized(durable, to: sizes.max() ?? 0)
    for (change, range) in zip(pending, ranges) {
      for index in ModelFile.pieces(of: range, piece) {
        guard let count = left[index], count > 0 else { continue }
        left[index] = count - 1
        let part = range.clamped(to: index * piece..<(index + 1) * piece)
        switch change {
        case .write(let offset, let new):
          bytes.replaceSubrange(part, with: new[(part.lowerBound - offset)..<(part.upperBound - offset)])
        case .resize: bytes.replaceSubrange(part, with: [UInt8](repeating: 0, count: part.count))
        }
      }
    }
    return ModelFile.resized(bytes, to: size(sizes, &random))
  }

  /// Any size that the file had, or one that it passed on its way, at the end of a page.
  private func size(_ sizes: [Int], _ random: inout SplitMix64) -> Int {
    let chosen = Int.random(in: sizes.indices, using: &random)
    let size = sizes[chosen]
    guard chosen > 0, sizes[chosen - 1] < size, Int.random(in: 0..<4, using: &random) == 0 else { return size }
    return max(sizes[chosen - 1], Int.random(in: sizes[chosen - 1]...size, using: &random) / 4096 * 4096)
  }

  private static func pieces(of range: Range<Int>, _ piece: Int) -> Range<Int> {
    range.isEmpty ? 0..<0 : range.lowerBound / piece..<(range.upperBound + piece - 1) / piece
  }

  private static func apply(_ change: Change, to contents: inout [UInt8]) {
    switch change {
    case .write(let offset, let bytes):
      let end = offset + bytes.count
      if contents.count < end { contents = resized(contents, to: end) }
      contents.replaceSubrange(offset..<end, with: bytes)
    case .resize(let size): contents = resized(contents, to: size)
    }
  }

  private static func resized(_ bytes: [UInt8], to size: Int) -> [UInt8] {
    bytes.count >= size ? Array(bytes.prefix(size)) : bytes + [UInt8](repeating: 0, count: size - bytes.count)
  }
}
