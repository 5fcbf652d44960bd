import MimoSystem
import MimoTensor

/// Megatron-FSDP's flat buffer: parameters one after the other, cut into equal parts, one for each rank of the fsdp axis.
///
/// The cuts fall between rows: the buffer is a grid of cells that all row sizes divide, a parameter begins with a cell (or
/// ends with one), and what is smaller than a cell goes into gaps. Source: megatron-core 0.19.2 `_get_parameter_groups`
/// (step 3) and `build_data_parallel_buffer_index`; `Tests/ParallelTests/Fixtures/flat_buffers.json` is what they give.
package struct FlatBuffer: Sendable {
  private struct Item {
    var row: Int
    var count: Int
    var start = 0
  }

  private var items: [Item]
  /// Elements of a cell.
  private let cell: Int
  /// Elements, the padding at the end left out.
  private let count: Int

  /// - Parameter shapes: what a rank would hold of each parameter without fsdp, in the order of the module.
  package init(_ shapes: [LocalShape]) throws(MimoError) {
    var items: [Item] = []
    for shape in shapes {
      guard let count = shape.elementCount, let row = product(shape.dims.dropFirst()), row > 0, count > 0 else {
        throw MimoError(.layout, "a parameter of shape \(shape) can not be shared out over fsdp ranks")
      }
      items.append(Item(row: row, count: count))
    }
    let order = items.indices.sorted { (items[$1].row, $0) < (items[$0].row, $1) }
    cell = try FlatBuffer.cell(order.map { items[$0] })
    var placing = Placing(items, order: order, cell: cell)
    placing.run()
    self.items = placing.items
    count = placing.end
  }

  /// The rows of a parameter that each of `ranks` ranks holds; throws where the buffer is too long to be counted.
  package func cuts(of item: Int, over ranks: Int) throws(MimoError) -> RowCuts {
    let (line, isTooLong) = ranks.multipliedReportingOverflow(by: cell)
    let (end, overflow) = count.addingReportingOverflow(line)
    guard !isTooLong, !overflow else {
      throw MimoError(.layout, "a flat buffer with cells of \(cell) elements can not be shared out over \(ranks) ranks")
    }
    let parts = EvenParts(
      part: (end - 1) / line * cell, start: items[item].start, count: items[item].count, row: items[item].row)
    return RowCuts(parts, over: ranks)
  }

  /// The least common multiple of the row sizes that ask for it.
  private static func cell(_ items: [Item]) throws(MimoError) -> Int {
    var cell = items.first?.row ?? 1
    for item in items {
      let fits = cell % item.row == 0 && (item.row == cell || item.count % cell == 0)
      guard !fits, item.count >= cell else { continue }
      let (product, overflow) = (cell / greatestCommonDivisor(cell, item.row)).multipliedReportingOverflow(by: item.row)
      guard !overflow, product < 1 << 48 else {
        throw MimoError(
          .unsupported, "rows of \(cell) and \(item.row) elements have no common multiple in reach of a flat buffer",
          remedy: "Say where the rows are cut: --shard-table FILE")
      }
      cell = product
    }
    return cell
  }

  /// Gives each item its place.
  private struct Placing {
    var items: [Item]
    let cell: Int
    var end = 0
    /// Items of at least a cell, then those below, in order.
    private var regular: [Int]
    private var fragments: [Int]

    init(_ items: [Item], order: [Int], cell: Int) {
      self.items = items
      self.cell = cell
      regular = order.filter { items[$0].count >= cell }
      fragments = order.filter { items[$0].count < cell }
    }

    mutating func run() {
      while !regular.isEmpty { place(regular.removeFirst()) }
      for fragment in fragments {
        items[fragment].start = end
        end += items[fragment].count
      }
    }

    private mutating func place(_ item: Int) {
      items[item].start = end
      let rest = items[item].count % cell
      var gap = end + items[item].count
      end += items[item].count
      guard rest > 0 else { return }
      end += cell - rest
      var space = cell - rest
      if let partner = takePartner(of: rest) {
        let partnerRest = items[partner].count % cell
        items[partner].start = end - partnerRest
        space -= partnerRest
        end += items[partner].count - partnerRest
      }
      fragments.removeAll { fragment in
        guard items[fragment].count <= space else { return false }
        items[fragment].start = gap
        space -= items[fragment].count
        gap += items[fragment].count
        return true
      }
    }

    /// The first item whose rest goes into the same cell: it is laid so that it begins with that.
    private mutating func takePartner(of rest: Int) -> Int? {
      let found = regular.firstIndex { candidate in
        let other = items[candidate].count % cell
        return other > 0 && rest + other <= cell
      }
      return found.map { regular.remove(at: $0) }
    }
  }
}

private func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
  var (x, y) = (a, b)
  while y != 0 { (x, y) = (y, x % y) }
  return x
}
