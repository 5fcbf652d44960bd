import MimoCheckpoints
import MimoConversion
import MimoSystem
import MimoTransfer

/// The end of a conversion in a few lines.
struct ReportText {
  private let report: ConversionReport

  init(_ report: ConversionReport) { self.report = report }

  var text: String {
    var lines = [
      "\(report.output.path): \(counted(report.targets.count, "parameter")) of \(counted(report.sources.count, "tensor")), "
        + "\(report.source.format) -> \(report.output.format), \(ByteCount(report.bytesWritten)) in \(seconds)"
    ]
    if report.bytesResumed > 0 { lines.append("resumed: \(ByteCount(report.bytesResumed)) had been moved before") }
    lines += report.readAgain.map { read in
      let changed = read.changed > 0 ? ", and \(read.changed) of another dtype" : ""
      return "read again: \(counted(read.equal, "tensor")) equal to those of \(read.component.map { "\($0)=" } ?? "")\(read.path)\(changed)"
    }
    lines += grouped(report.omissions).map { "left out: \($0.count == 1 ? $0.first : "\($0.count), such as \($0.first)"): \($0.reason)" }
    for loss in report.losses.prefix(3) {
      lines.append("not restorable: \(loss.elements) of \(counted(loss.of, "element")) of \(loss.tensor)")
    }
    if report.losses.count > 3 { lines.append("not restorable: \(counted(report.losses.count - 3, "more tensor")), see \(ReportFile.name)") }
    if !report.dtypeChanges.isEmpty { lines.append("dtype changed: \(counted(report.dtypeChanges.count, "tensor"))") }
    lines += report.notes.prefix(3).map { "note: \($0.text)" }
    if report.notes.count > 3 { lines.append("note: \(report.notes.count - 3) more, see \(ReportFile.name)") }
    return lines.map(\.printable).joined(separator: "\n") + "\n"
  }

  private var seconds: String {
    let tenths = Int((report.seconds * 10).rounded())
    return "\(tenths / 10).\(tenths % 10) s"
  }

  /// One entry a reason.
  private func grouped(_ omissions: [Omission]) -> [(reason: String, first: String, count: Int)] {
    Dictionary(grouping: omissions, by: \.reason).sorted { $0.key < $1.key }.map { reason, omissions in
      (reason, omissions[0].name, omissions.count)
    }
  }
}

/// A number of bytes as people read it.
struct ByteCount: CustomStringConvertible {
  private let bytes: Int
  init(_ bytes: Int) { self.bytes = bytes }

  var description: String {
    let units = ["B", "kB", "MB", "GB", "TB"]
    var value = Double(bytes)
    var unit = 0
    while value >= 1000, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    guard unit > 0 else { return "\(bytes) B" }
    let hundredths = Int((value * 100).rounded())
    let fraction = hundredths % 100
    return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction) \(units[unit])"
  }
}
