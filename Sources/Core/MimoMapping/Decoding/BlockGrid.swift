import MimoTensor

/// The blocks of a stack of matrices, and the places of their scales.
///
/// Rows are counted through all matrices; block rows begin anew with each matrix.
struct BlockGrid {
  let rows: Int
  let columns: Int
  let blockRows: Int
  let blockColumns: Int

  /// Blocks along one matrix's rows and columns.
  var scaleRows: Int { (rows - 1) / blockRows + 1 }
  var scaleColumns: Int { (columns - 1) / blockColumns + 1 }

  init(_ form: Encoding.Form, _ shape: GlobalShape) {
    rows = shape.dims[shape.rank - 2]
    columns = shape.dims[shape.rank - 1]
    switch form {
    case .fp8Block(let rows, let columns): (blockRows, blockColumns) = (rows, columns)
    case .mxfp4: (blockRows, blockColumns) = (1, Encoding.Form.groupSize)
    }
  }

  /// The row of scales that a row of elements belongs to.
  func scaleRow(of row: Int) -> Int { row / rows * scaleRows + row % rows / blockRows }

  /// The first row that is not in the same row of blocks.
  func end(ofBlockWith row: Int) -> Int {
    let inner = row % rows
    return row - inner + min(rows, (inner / blockRows + 1) * blockRows)
  }

  func scales(of elements: Range<Int>) -> Range<Int> {
    let first = scaleRow(of: elements.lowerBound / columns)
    let last = scaleRow(of: (elements.upperBound - 1) / columns)
    return first * scaleColumns..<(last + 1) * scaleColumns
  }

  /// Scales of the block rows whose first element is among these.
  func scalesBeginning(in elements: Range<Int>) -> Range<Int> {
    let first = (elements.lowerBound + columns - 1) / columns
    let last = (elements.upperBound + columns - 1) / columns
    return scaleRowsBeginning(before: first) * scaleColumns..<scaleRowsBeginning(before: last) * scaleColumns
  }

  private func scaleRowsBeginning(before row: Int) -> Int {
    row / rows * scaleRows + (row % rows + blockRows - 1) / blockRows
  }
}
