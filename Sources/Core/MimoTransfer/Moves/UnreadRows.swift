import MimoChecksum
import MimoMapping
import MimoSystem
import MimoTensor

/// Rows of a stored vocabulary that a conversion does not read, for they lie beyond the model's.
package struct UnreadRows: Sendable, Hashable {
  /// The target's place in the plan.
  package let target: Int
  /// Of all rows that are stored.
  let rows: Range<Int>
  let stored: Int
  /// Those that hold any bit that is not zero.
  let filled: Int
  /// Their share in the raw CRC-32 of the chunks that they lie in.
  package let shares: [Int: UInt32]

  /// All of a plan, read row by row: those that pad a vocabulary are few.
  package static func all(of plan: ConversionPlan) throws(MimoError) -> [UnreadRows] {
    guard let reading = plan.direction == .storedToWhole ? plan : plan.gathering.first else { return [] }
    var found: [UnreadRows] = []
    for (index, target) in reading.description.targets.enumerated() where target.isVocabulary {
      for padding in target.fragments where padding.source == nil {
        let start = padding.region.offset[0]
        var filled = [Bool](repeating: false, count: padding.region.extent[0])
        var shares: [Int: UInt32] = [:]
        for chunk in reading.stored.targets[index].chunks {
          guard let box = reading.stored.chunks[chunk].region.intersection(padding.region) else { continue }
          shares[chunk] = try mark(
            &filled, from: start, box, in: reading.stored, chunk, reading.stored.targets[index].dtype)
        }
        found.append(
          UnreadRows(
            target: index, rows: start..<(start + filled.count), stored: target.shape.dims[0],
            filled: filled.count { $0 }, shares: shares))
      }
    }
    return found
  }

  /// Bytes of a row that are looked at at a time.
  private static let window = 1 << 20

  /// Looks at a box of rows in one chunk. Returns its share in the chunk's raw CRC-32.
  private static func mark(
    _ filled: inout [Bool], from start: Int, _ box: Region, in catalog: StoredCatalog, _ index: Int, _ dtype: DType
  ) throws(MimoError) -> UInt32 {
    let chunk = catalog.chunks[index]
    let file = try File.openForReading(catalog.files[chunk.file].path)
    let width = dtype.byteWidth ?? 1
    var buffer = ByteBuffer()
    let size = chunk.region.volume * width
    var share: UInt32 = 0
    var row = box
    row.extent[0] = 1
    for number in 0..<box.extent[0] {
      try Interruption.check()
      row.offset[0] = box.offset[0] + number
      let (run, starts) = runs(of: row, in: chunk)
      for position in starts {
        for part in stride(from: 0, to: run * width, by: window) {
          let bytes = try buffer.reserve(min(window, run * width - part))
          try file.read(into: bytes, at: chunk.offset + UInt64(position * width + part))
          guard bytes.contains(where: { $0 != 0 }) else { continue }
          filled[row.offset[0] - start] = true
          let behind = size - chunk.number(ofElementAt: position) * width - part - bytes.count
          guard behind >= 0 else { continue }
          share ^= mimo_crc32_shift(mimo_crc32_raw(0, bytes.baseAddress, bytes.count), UInt64(behind))
        }
      }
    }
    return share
  }

  /// Where a box lies in a chunk, in elements.
  static func runs(of box: Region, in chunk: StoredChunk) -> (run: Int, starts: StridedBlock.RunStarts) {
    var position = 0
    for dim in 0..<box.rank { position += (box.offset[dim] - chunk.region.offset[dim]) * chunk.strides[dim] }
    let side = StridedBlock.Side(base: position, strides: chunk.strides)
    let (_, run, starts) = StridedBlock(extent: box.extent, left: side, right: side).rightRuns()
    return (run, starts)
  }

  /// Rows that are not zero are weights of something.
  package var kind: Note.Kind { filled > 0 ? .weights : .remark }

  /// What the user should know. Rows that are not zero are no fault by themselves: Megatron-Core's
  /// `VocabParallelEmbedding` makes the padding up like all rows, and a training moves it.
  ///
  /// - Parameter fate: what becomes of the rows.
  package func note(_ name: String, are fate: String = "stay behind") -> String {
    let words = rows.count == 1 ? "row \(rows.lowerBound)" : "rows \(rows.lowerBound) to \(rows.upperBound - 1)"
    let content =
      filled == 0
      ? "all zero"
      : "\(filled) of \(rows.count) are not zero: padding that was trained, or tokens if config.json is another model's"
    return "\(name): \(words) of \(stored) are beyond the vocabulary of config.json and \(fate); \(content)"
  }
}
