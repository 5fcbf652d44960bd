import MimoSystem
import MimoVerify

/// What a comparison showed, in lines for people.
struct VerifyText {
  private let report: VerifyReport

  init(_ report: VerifyReport) { self.report = report }

  /// More differing tensors than this are told by their number.
  private static let mostListed = 20

  var text: String {
    var lines = ["A  \(report.a.path) (\(report.a.format))"]
    if let b = report.b { lines.append("B  \(b.path) (\(b.format))") }
    lines.append("compared \(report.basis)")
    lines += report.differences.prefix(VerifyText.mostListed).map { "differs: \($0.name): \(words($0.difference))" }
    if report.differences.count > VerifyText.mostListed {
      lines.append("differs: \(report.differences.count - VerifyText.mostListed) more tensors, see --json")
    }
    lines += skipped
    lines += report.notes.map { "note: \($0)" }
    lines.append(summary)
    return lines.map(\.printable).joined(separator: "\n") + "\n"
  }

  private var summary: String {
    let files = report.comparedFiles > 0 ? " in \(counted(report.comparedFiles, "file"))" : ""
    let what = (report.b == nil ? "chunks or tensors" : "tensors") + files
    let size = "\(report.comparedTensors) \(what), \(ByteCount(report.comparedBytes))"
    guard !report.isSame else { return "same: \(size)" }
    let elements = report.differingElements > 0 ? ", \(counted(report.differingElements, "element"))" : ""
    let companions = report.differingFiles
    let differing = report.differences.count - companions
    let orFiles = report.comparedFiles == 0 ? "" : differing == 1 ? " or file" : " or files"
    let tensors = counted(differing, "tensor") + orFiles
    let beside = companions > 0 ? ", \(counted(companions, "file")) beside the weights" : ""
    return "different: \(tensors)\(elements)\(beside), of \(size)"
  }

  private func words(_ difference: VerifyReport.Difference) -> String {
    switch difference {
    case .missing(let from): "is not in \(from)"
    case .shape(let a, let b): "shape is \(a) in A, \(b) in B"
    case .dtype(let a, let b): "dtype is \(a) in A, \(b) in B; the values agree as far as the smaller dtype goes"
    case .values(let values):
      "\(values.count) of \(counted(values.of, "element")), first at \(values.index): \(values.a) in A, \(values.b) in B"
    case .file(let words): words
    case .digest(let expected, let found, let place): "digest is \(found), the report says \(expected) (\(place))"
    }
  }

  /// A line a reason.
  private var skipped: [String] {
    var groups: [String: [String]] = [:]
    for tensor in report.skipped { groups[tensor.reason, default: []].append(tensor.name) }
    return groups.sorted { $0.key < $1.key }.map { reason, names in
      "not compared: \(counted(names.count, "tensor")) (\(names.prefix(2).joined(separator: ", "))\(names.count > 2 ? ", ..." : "")): \(reason)"
    }
  }
}
