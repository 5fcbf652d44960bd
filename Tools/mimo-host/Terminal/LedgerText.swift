import MimoConversion
import MimoSystem

/// A ledger as lines for people: long lists are grouped.
struct LedgerText {
  private let ledger: Ledger

  init(_ ledger: Ledger) { self.ledger = ledger }

  var text: String {
    var lines = [
      "plan \(ledger.source.path): \(ledger.source.format) -> \(ledger.outputFormat), plugin \(ledger.plugin.family) "
        + ledger.plugin.version,
      (isBetweenLayouts ? "source        " : "hugging face  ") + "\(counted(ledger.sources.tensors, "tensor")), \(counted(ledger.sources.parameters, "parameter")), "
        + "\(ByteCount(ledger.sources.bytes))",
      other + "\(counted(ledger.targets.tensors, "parameter")) in \(counted(ledger.targets.chunks, "chunk")), "
        + "\(ByteCount(ledger.targets.bytes))",
    ]
    lines += files
    lines += rows(ledger.ranks.map(rank), of: "rank")
    lines += rows(drops, of: "left out")
    lines += rows(changes, of: "dtype")
    lines += rows(ledger.kernels.map { "\($0.name) on \(counted($0.targets, "parameter"))" + ($0.isLossy ? ", lossy" : "") }, of: "kernel")
    lines += rows(ledger.notes.map(\.text), of: "note")
    lines.append(
      "peak memory   about \(ByteCount(ledger.memory.plan + ledger.memory.buffers)): plan \(ByteCount(ledger.memory.plan)), "
        + "buffers \(ByteCount(ledger.memory.buffers))")
    lines.append("plan hash     \(hash)")
    return lines.map(\.printable).joined(separator: "\n") + "\n"
  }

  /// Neither side is a Hugging Face folder.
  private var isBetweenLayouts: Bool {
    ledger.outputFormat != "hf" && !["hf", "config"].contains(ledger.source.format)
  }

  /// The label of the side that is not Hugging Face's.
  private var other: String {
    if isBetweenLayouts { return "output        " }
    return ledger.outputFormat == "prime" || ledger.source.format == "prime" ? "prime         " : "megatron      "
  }

  /// More rows than this are told by their number.
  private static let mostRows = 40

  private func rows(_ rows: [String], of label: String) -> [String] {
    let head = label + String(repeating: " ", count: 14 - label.count)
    let shown = rows.count > LedgerText.mostRows ? rows.prefix(LedgerText.mostRows - 1) : rows[...]
    return shown.map { head + $0 } + (shown.count < rows.count ? ["\(head)and \(rows.count - shown.count) more, see --json"] : [])
  }

  private var files: [String] {
    let total = ledger.files.reduce(0) { $0 + Int(clamping: $1.bytes) }
    let head = "\(counted(ledger.files.count, "file")), \(ByteCount(total))"
    guard ledger.files.count > 8, let least = ledger.files.map(\.bytes).min(), let most = ledger.files.map(\.bytes).max()
    else {
      return rows([head] + ledger.files.map { "\($0.path)  \(ByteCount(Int(clamping: $0.bytes)))" }, of: "output")
    }
    let names = "\(ledger.files[0].path) to \(ledger.files[ledger.files.count - 1].path)"
    return rows(["\(head): \(names), \(span(Int(clamping: least)...Int(clamping: most))) each"], of: "output")
  }

  private func rank(_ share: RankShare) -> String {
    let ranks =
      share.ranks.count == 1 ? "\(share.ranks.lowerBound)" : "\(share.ranks.lowerBound)-\(share.ranks.upperBound - 1)"
    let tensors =
      share.tensors.lowerBound == share.tensors.upperBound
      ? "\(share.tensors.lowerBound)" : "\(share.tensors.lowerBound)-\(share.tensors.upperBound)"
    return "\(ranks)  \(share.component) stage \(share.stage): \(span(share.bytes)) in \(tensors) \(tensors == "1" ? "tensor" : "tensors")"
      + (share.ranks.count > 1 ? " each" : "")
  }

  private func span(_ bytes: ClosedRange<Int>) -> String {
    bytes.lowerBound == bytes.upperBound
      ? "\(ByteCount(bytes.lowerBound))" : "\(ByteCount(bytes.lowerBound)) to \(ByteCount(bytes.upperBound))"
  }

  /// One line a reason; names where they are few.
  private var drops: [String] {
    grouped(ledger.drops) { $0.reason }.map { reason, drops in
      let bytes = drops.reduce(0) { $0 + ($1.bytes ?? 0) }
      let size = drops.contains { $0.bytes != nil } ? " (\(ByteCount(bytes)))" : ""
      let names = drops.prefix(3).map(\.name).joined(separator: ", ") + (drops.count > 3 ? ", ..." : "")
      return "\(drops.count == 1 ? "" : "\(drops.count): ")\(names)\(size): \(reason)"
    }
  }

  private var changes: [String] {
    grouped(ledger.dtypeChanges) { "\($0.from.rawValue) -> \($0.to.rawValue)" }.map { words, changes in
      "\(words): \(counted(changes.count, "tensor")), such as \(changes[0].tensor)"
    }
  }

  private func grouped<Item>(_ items: [Item], by key: (Item) -> String) -> [(String, [Item])] {
    var groups: [String: [Item]] = [:]
    for item in items { groups[key(item), default: []].append(item) }
    return groups.sorted { $0.key < $1.key }
  }

  private var hash: String {
    let digits = String(ledger.planHash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
