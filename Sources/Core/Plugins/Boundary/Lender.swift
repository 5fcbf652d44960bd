import PluginABI

/// Keeps texts for a plugin until `describe` returns.
package protocol Lender: AnyObject {
  func lend(_ text: String) -> mimo_string
}

/// Lends from the heap.
package final class HeapLender: Lender {
  private var lent: [UnsafeMutablePointer<CChar>] = []

  package init() {}

  deinit { for pointer in lent { pointer.deallocate() } }

  package func lend(_ text: String) -> mimo_string {
    let bytes = Array(text.utf8)
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: Swift.max(bytes.count, 1))
    for (i, byte) in bytes.enumerated() { (copy + i).initialize(to: CChar(bitPattern: byte)) }
    lent.append(copy)
    return mimo_string(data: copy, length: bytes.count)
  }
}
