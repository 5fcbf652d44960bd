import MimoSystem

extension MimoError {
  package func write(to wire: inout WireWriter) {
    wire.int(Int(code.rawValue))
    wire.text(message)
    wire.optional(path) { $0.text($1) }
    wire.optional(tensor) { $0.text($1) }
    wire.optional(remedy) { $0.text($1) }
  }

  package init(from wire: inout WireReader) throws(MimoError) {
    let number = try wire.int()
    guard let raw = Int32(exactly: number), let code = Code(rawValue: raw) else {
      throw wire.unreadable("an error of the unknown code \(number)")
    }
    self.init(
      code, try wire.text(), path: try wire.optional { (wire) throws(MimoError) in try wire.text() },
      tensor: try wire.optional { (wire) throws(MimoError) in try wire.text() })
    remedy = try wire.optional { (wire) throws(MimoError) in try wire.text() }
  }
}
