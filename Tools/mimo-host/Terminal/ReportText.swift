import MimoEngine
import MimoSystem

/// The end of a conversion in a few lines.
struct ReportText {
  private let report: ConversionReport

  init(_ report: ConversionReport) { self.report = report }

  var text: String {
    var lines = [
      "\(report.output.path): \(report.targets.count) parameters of \(report.sources.count) tensors, "
        + "\(report.source.format) -> \(report.output.format), \(ByteCount(report.bytesWritten)) in \(seconds)"
    ]
    if report.bytesResumed > 0 { lines.append("resumed: \(ByteCount(report.bytesResumed)) had been moved before") }
    lines += report.readAgain.map { read in
      let changed = read.changed > 0 ? ", and \(read.changed) of another dtype" : ""
      return "read again: \(read.equal) tensors equal those of \(read.component.map { "\($0)=" } ?? "")\(read.path)\(changed)"
    }
    lines += grouped(report.omissions.map(\.reason)).map { "left out: \($0.count) tensors: \($0.reason)" }
    for loss in report.losses.prefix(3) {
      lines.append("not restorable: \(loss.elements) of \(loss.of) elements of \(loss.tensor)")
    }
    if report.losses.count > 3 { lines.append("not restorable: \(report.losses.count - 3) more tensors, see \(ConversionReport.fileName)") }
    if !report.dtypeChanges.isEmpty { lines.append("dtype changed: \(report.dtypeChanges.count) tensors") }
    lines += report.notes.prefix(3).map { "note: \($0)" }
    if report.notes.count > 3 { lines.append("note: \(report.notes.count - 3) more, see \(ConversionReport.fileName)") }
    return lines.map(\.printable).joined(separator: "\n") + "\n"
  }

  private var seconds: String {
    let tenths = Int((report.seconds * 10).rounded())
    return "\(tenths / 10).\(tenths % 10) s"
  }

  private func grouped(_ reasons: [String]) -> [(reason: String, count: Int)] {
    var counts: [String: Int] = [:]
    for reason in reasons { counts[reason, default: 0] += 1 }
    return counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
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
