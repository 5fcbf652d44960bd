import MimoJSON
import MimoSystem

/// Carries out `mimo-host clean`.
func run(_ options: CleanOptions) throws(MimoError) {
  let folder = absolute(options.folder)
  guard try FileSystem.isDirectory(folder) else {
    throw MimoError(.usage, "is no folder", path: folder, remedy: "Name the folder that OUT was to be made in")
  }
  var rows: [CleanRow] = []
  var failure: MimoError?
  for leftover in try Leftover.find(in: folder) {
    var row = CleanRow(leftover: leftover)
    if options.removes, leftover.isRemovable {
      do throws(MimoError) {
        try leftover.remove()
        row.isRemoved = true
      } catch {
        failure = failure ?? error
      }
    }
    rows.append(row)
  }
  if options.json {
    try Console.printResult(.array(rows.map(\.json)))
  } else {
    try Console.printResult(rows.isEmpty ? "nothing is left in \(folder.printable)\n" : rows.map(\.text).joined())
  }
  if let failure { throw failure }
}

/// One leftover, and what became of it.
private struct CleanRow {
  var leftover: Leftover
  var isRemoved = false

  /// "removed  4.20 GB  3 h old  /data/.out.mimo-host-work"
  var text: String {
    let bytes = leftover.bytes.map { ByteSize.text($0) } ?? "unknown size"
    return "\(isRemoved ? "removed" : state)  \(bytes)  \(CleanRow.age(seconds)) old  \(leftover.path.printable)\n"
  }

  var json: JSONValue {
    .object([
      "path": .string(leftover.path), "out": .string(leftover.name), "state": .string(word),
      "bytes": leftover.bytes.map { .integer(Int(clamping: $0)) } ?? .null, "age_seconds": .integer(seconds),
      "user": owner.map { .integer($0) } ?? .null, "removed": .bool(isRemoved),
    ])
  }

  private var seconds: Int { Int(max(0, Leftover.now() - leftover.modified) / 1_000_000_000) }

  private var owner: Int? {
    guard case .foreign(let user) = leftover.state else { return nil }
    return Int(user)
  }

  private var word: String {
    switch leftover.state {
    case .inUse: "in_use"
    case .stopped: "stopped"
    case .dead: "dead"
    case .foreign: "foreign"
    case .formerOutput: "former_output"
    }
  }

  private var state: String {
    switch leftover.state {
    case .inUse: "in use"
    case .stopped: "stopped (the same command goes on with it)"
    case .dead: "dead"
    case .foreign(let user): "of user \(user)"
    case .formerOutput: "the former contents of \(leftover.name.printable), which is missing: rename it back"
    }
  }

  /// "12 s", "5 min", "3 h", "40 days".
  static func age(_ seconds: Int) -> String {
    switch seconds {
    case ..<60: "\(seconds) s"
    case ..<3600: "\(seconds / 60) min"
    case ..<172_800: "\(seconds / 3600) h"
    default: "\(seconds / 86_400) days"
    }
  }
}
