/// What a plugin declared, written down call by call; long logs leave in portions.
package final class DeclarationLog {
  private static let portion = 1 << 16

  private var wire = WireWriter()
  private let send: ([UInt8]) -> Void

  /// - Parameter send: takes a portion, which holds whole declarations.
  package init(_ send: @escaping ([UInt8]) -> Void) { self.send = send }

  func append(_ declaration: Declaration) {
    declaration.write(to: &wire)
    if wire.bytes.count >= DeclarationLog.portion { flush() }
  }

  package func flush() {
    guard !wire.bytes.isEmpty else { return }
    send(wire.bytes)
    wire.clear()
  }
}
