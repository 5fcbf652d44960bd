import MimoTensor

/// Decodes E4M3 codes with a scale a block.
///
/// An element is `code * scale` in single precision, then rounded to the asked dtype. With a table of all 256 products a
/// block, that is one look-up an element. Source: Megatron-Bridge 0.6.2 `dequantize_fp8_blockwise`.
struct FP8Decoder<Codec: ElementCodec> {
  let grid: BlockGrid
  /// The window.
  let elements: Range<Int>
  /// Codes of the window.
  let codes: UnsafePointer<UInt8>
  /// From the first row of scales on that the window needs.
  let scales: UnsafePointer<Float>
  let output: UnsafeMutablePointer<Codec.Raw>

  /// Blocks that are decoded side by side: their tables fit in the processor's first cache.
  private static var strip: Int { 16 }
  /// With fewer rows a table costs more than it saves.
  private static var rowsWorthTable: Int { 3 }

  func run() {
    let firstScaleRow = grid.scaleRow(of: elements.lowerBound / grid.columns)
    let end = (elements.upperBound - 1) / grid.columns + 1
    var row = elements.lowerBound / grid.columns
    withUnsafeTemporaryAllocation(of: Codec.Raw.self, capacity: Self.strip * 256) { tables in
      guard let tables = tables.baseAddress else { return }
      while row < end {
        let next = min(end, grid.end(ofBlockWith: row))
        let own = scales + (grid.scaleRow(of: row) - firstScaleRow) * grid.scaleColumns
        if next - row < Self.rowsWorthTable {
          for row in row..<next { direct(row, own) }
        } else {
          decode(row..<next, own, tables)
        }
        row = next
      }
    }
  }

  /// Rows of one row of blocks, a strip of blocks at a time.
  private func decode(
    _ rows: Range<Int>, _ scales: UnsafePointer<Float>, _ tables: UnsafeMutablePointer<Codec.Raw>
  ) {
    var block = 0
    while block < grid.scaleColumns {
      let end = min(block + Self.strip, grid.scaleColumns)
      for i in block..<end { fill(tables + (i - block) * 256, scale: scales[i]) }
      for row in rows {
        for i in block..<end {
          let span = self.span(row, i)
          if !span.isEmpty { translate(span, tables + (i - block) * 256) }
        }
      }
      block = end
    }
  }

  /// The part of a row of a block that is in the window, counted from the window's start.
  @inline(__always)
  private func span(_ row: Int, _ block: Int) -> Range<Int> {
    let start = row * grid.columns
    let low = max(elements.lowerBound, start + block * grid.blockColumns)
    let high = min(elements.upperBound, start + min(grid.columns, (block + 1) * grid.blockColumns))
    return low < high ? low - elements.lowerBound..<high - elements.lowerBound : 0..<0
  }

  private func fill(_ table: UnsafeMutablePointer<Codec.Raw>, scale: Float) {
    for code in 0..<256 { table[code] = Codec.encode(CodeValues.e4m3[code] * scale) }
  }

  @inline(__always)
  private func translate(_ span: Range<Int>, _ table: UnsafePointer<Codec.Raw>) {
    let input = codes + span.lowerBound
    let target = output + span.lowerBound
    for i in 0..<span.count { target[i] = table[Int(input[i])] }
  }

  private func direct(_ row: Int, _ scales: UnsafePointer<Float>) {
    CodeValues.e4m3.withUnsafeBufferPointer { values in
      for block in 0..<grid.scaleColumns {
        let scale = scales[block]
        for i in span(row, block) { output[i] = Codec.encode(values[Int(codes[i])] * scale) }
      }
    }
  }
}
