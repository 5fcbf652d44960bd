import MimoJSON
import MimoSystem
import MimoVerify

/// What a checkpoint holds, as a table for people.
struct InspectionText {
  private let inspection: Inspection

  init(_ inspection: Inspection) { self.inspection = inspection }

  var text: String {
    var lines = ["\(inspection.path): \(inspection.kind)"]
    lines += inspection.facts.filter { !$0.value.isEmpty }.map { "\($0.name): \($0.value)" }
    lines += files
    if !inspection.tensors.isEmpty { lines += [""] + tensors + [""] }
    lines += objects
    lines += inspection.notes.map { "note: \($0)" }
    lines.append(summary)
    return lines.map(\.printable).joined(separator: "\n") + "\n"
  }

  private var files: [String] {
    let total = inspection.files.reduce(0) { $0 &+ Int(clamping: $1.bytes) }
    if inspection.files.count > 8 { return ["\(counted(inspection.files.count, "file")), \(ByteCount(total))"] }
    return inspection.files.map { "file \($0.path): \(ByteCount(Int(clamping: $0.bytes)))" }
  }

  /// Columns as wide as what is in them.
  private var tensors: [String] {
    let rows = inspection.tensors.map { tensor in
      [
        tensor.name.printable, tensor.dtype.rawValue, "\(tensor.shape)",
        tensor.chunks == 1 ? "" : counted(tensor.chunks, "chunk"), (tensor.file ?? "").printable,
      ]
    }
    let widths = (0..<4).map { column in rows.reduce(0) { max($0, $1[column].utf8.count) } }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() where !cell.isEmpty || column < 4 {
        line += cell + String(repeating: " ", count: column < 4 ? max(0, widths[column] - cell.utf8.count) + 2 : 0)
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  /// Objects that are shown as data, then the number of the others.
  private var objects: [String] {
    var lines: [String] = []
    var others = 0
    for object in inspection.objects {
      guard let value = object.value else {
        others += 1
        continue
      }
      let data = String(decoding: JSONWriter.write(value, .indented(2)), as: UTF8.self)
      lines.append("object \(object.name):")
      lines += data.split(separator: "\n").map(String.init)
    }
    if others > 0 { lines.append("\(counted(others, "object")) without weights, such as \((inspection.objects.last?.name ?? "").printable)") }
    return lines
  }

  private var summary: String {
    let dtypes = inspection.bytesByDType.map { "\($0.dtype.rawValue) \(ByteCount($0.bytes))" }
    return "\(counted(inspection.tensors.count, "tensor")), \(counted(inspection.parameters, "parameter"))"
      + (dtypes.isEmpty ? "" : ", " + dtypes.joined(separator: ", "))
  }
}
