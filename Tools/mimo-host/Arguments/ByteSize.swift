/// An amount of bytes as people write it: 512M, 2GiB, 5GB, 1000000.
///
/// K, M, G, T alone and KiB, MiB, ... are powers of 1024, KB, MB, ... powers of 1000, as in GNU coreutils.
struct ByteSize: ArgumentValue {
  var bytes: Int

  static func read(_ text: String) throws(BadValue) -> ByteSize {
    let bad = BadValue("wants a size such as 512M, 2GiB or 5GB, not '\(text)'")
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard let unit = unit(text[digits.endIndex...]), let bytes = bytes(digits, unit: unit) else { throw bad }
    guard bytes > 0 else { throw BadValue("is more than 0 bytes, not '\(text)'") }
    return ByteSize(bytes: bytes)
  }

  /// Bytes in a unit, nil for an unknown one.
  private static func unit(_ suffix: Substring) -> Int? {
    let name = suffix.uppercased()
    if name.isEmpty || name == "B" { return 1 }
    guard let prefix = name.first, let power = Array("KMGT").firstIndex(of: prefix) else { return nil }
    let base: Int
    switch name.dropFirst() {
    case "", "IB": base = 1024
    case "B": base = 1000
    default: return nil
    }
    return (0...power).reduce(1) { result, _ in result * base }
  }

  /// Whole bytes of a decimal number of units, nil when it is none or too large.
  private static func bytes(_ digits: Substring, unit: Int) -> Int? {
    if let whole = Int(digits) {
      let (bytes, overflow) = whole.multipliedReportingOverflow(by: unit)
      return overflow ? nil : bytes
    }
    guard let number = Double(digits), number * Double(unit) < 9e18 else { return nil }
    return Int(number * Double(unit))
  }
}

extension ByteSize {
  /// "1.2 GB": three digits and a decimal unit, for people.
  static func text(_ bytes: some BinaryInteger) -> String {
    var value = Double(bytes)
    for unit in ["B", "kB", "MB", "GB", "TB"] {
      if value < 999.5 || unit == "TB" { return unit == "B" ? "\(bytes) B" : "\(threeDigits(value)) \(unit)" }
      value /= 1000
    }
    return "\(bytes) B"
  }

  /// 1.23, 12.3 or 123.
  private static func threeDigits(_ value: Double) -> String {
    let decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0
    let scale = decimals == 2 ? 100 : decimals == 1 ? 10 : 1
    let scaled = Int((value * Double(scale)).rounded())
    guard decimals > 0 else { return "\(scaled)" }
    let fraction = String(scaled % scale)
    return "\(scaled / scale)." + String(repeating: "0", count: decimals - fraction.count) + fraction
  }
}
