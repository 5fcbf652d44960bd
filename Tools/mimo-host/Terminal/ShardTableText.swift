import MimoParallel

/// A shard table for people: columns as wide as what is in them.
struct ShardTableText {
  private let table: ShardTable

  init(_ table: ShardTable) { self.table = table }

  var text: String {
    let titles = ["parameter", "rank", "global shape", "local shape", "offset"]
    let rows =
      [titles]
      + table.shards.map { ["\($0.name)", "\($0.rank)", "\($0.globalShape)", "\($0.localShape)", "\($0.offset)"] }
    let widths = titles.indices.dropLast().map { column in rows.reduce(0) { max($0, $1[column].utf8.count) } }
    return rows.map { row in
      zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.utf8.count + 2) }.joined() + row[4] + "\n"
    }.joined()
  }
}
