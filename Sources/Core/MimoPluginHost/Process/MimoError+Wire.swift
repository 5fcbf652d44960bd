import MimoSystem

extension MimoError {
  package func write(to wire: inout WireWriter) {
    wire.int(Int(code.rawValue))
    wire.text(message)
    wire.optional(path) { $0.text($1) }
    wire.optional(tensor) { $0.text($1) }
    wire.optional(remedy) { $0.text($1) }
  }

  /// The kinds that loading and describing end in; the others are for the host itself to say.
  private static let expected: [Code] = [.usage, .invalidInput, .plugin, .system]

  package init(from wire: inout WireReader) throws(MimoError) {
    let number = try wire.int()
    guard let code = MimoError.expected.first(where: { Int($0.rawValue) == number }) else {
      throw wire.unreadable("an error of the unexpected code \(number)")
    }
    self.init(
      code, try wire.text(), path: try wire.optional { (wire) throws(MimoError) in try wire.text() },
      tensor: try wire.optional { (wire) throws(MimoError) in try wire.text() })
    remedy = try wire.optional { (wire) throws(MimoError) in try wire.text() }
  }
}
