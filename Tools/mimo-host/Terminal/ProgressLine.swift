/// What a progress line says at one moment.
struct ProgressLine {
  /// Bytes since the start.
  var done: UInt64
  var total: UInt64
  /// Seconds since the start.
  var seconds: Double
  /// What is being moved.
  var tensor: String
  /// Bytes of the total that were done before the start: they say nothing of the rate.
  var before: UInt64 = 0
  /// What the bytes are for, where they are not moved.
  var activity = ""

  /// "12%  1.20 GB of 10.0 GB  800 MB/s  11 s left  decoder.layers.0.mlp.linear_fc1.weight"
  var text: String {
    let shown = min(before + done, total)
    let percent = total == 0 ? 100 : Int(Double(shown) / Double(total) * 100)
    var parts = activity.isEmpty ? [] : [activity]
    parts += ["\(percent)%", "\(ByteSize.text(shown)) of \(ByteSize.text(total))"]
    if seconds > 0, done > 0 {
      let rate = Double(done) / seconds
      parts.append("\(ByteSize.text(UInt64(min(rate, 1e18))))/s")
      if shown < total { parts.append("\(ProgressLine.duration(Double(total - shown) / rate)) left") }
    }
    if !tensor.isEmpty { parts.append(tensor) }
    return parts.joined(separator: "  ")
  }

  /// The same without the tensor.
  private var untold: ProgressLine {
    var line = self
    line.tensor = ""
    return line
  }

  /// The line in `width` columns, cut in the tensor's name, whose end says more than its start.
  func text(width: Int) -> String {
    let full = text
    guard full.count > width else { return full }
    let head = untold.text
    let room = width - head.count - 3
    guard room >= 8 else { return String(head.prefix(max(width, 0))) }
    return head + "  …" + tensor.suffix(room)
  }

  /// "11 s", "2 min 5 s", "3 h 20 min".
  static func duration(_ seconds: Double) -> String {
    guard seconds < 360_000 else { return "days" }
    let whole = Int(seconds.rounded(.up))
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(whole / 3600) h \(whole % 3600 / 60) min"
  }
}
