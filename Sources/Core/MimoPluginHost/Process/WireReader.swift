import MimoSystem
import MimoTensor

/// Reads what `WireWriter` wrote, and believes none of it: the other side may be a plugin gone mad.
package struct WireReader: ~Copyable {
  private let bytes: UnsafeRawBufferPointer
  private var position = 0

  /// The bytes must stay where they are as long as the reader is used.
  package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  package static func read<Value>(
    _ bytes: [UInt8], _ body: (inout WireReader) throws(MimoError) -> Value
  ) throws(MimoError) -> Value {
    try bytes.withUnsafeBytes { buffer in
      capture { () throws(MimoError) in
        var reader = WireReader(buffer)
        let value = try body(&reader)
        guard reader.isAtEnd else { throw reader.unreadable("more than it should hold") }
        return value
      }
    }.get()
  }

  package var isAtEnd: Bool { position == bytes.count }

  package func unreadable(_ what: String) -> MimoError {
    MimoError(
      .plugin, "the plugin's process answers what can not be read (\(what), byte \(position) of a message)",
      remedy: "This is a fault of the plugin")
  }

  package mutating func byte() throws(MimoError) -> UInt8 {
    guard position < bytes.count else { throw unreadable("it ends too early") }
    defer { position += 1 }
    return bytes[position]
  }

  package mutating func flag() throws(MimoError) -> Bool {
    switch try byte() {
    case 0: return false
    case 1: return true
    default: throw unreadable("neither yes nor no")
    }
  }

  package mutating func int() throws(MimoError) -> Int {
    var value: UInt = 0
    var shift: UInt = 0
    while true {
      let byte = try byte()
      guard shift < 63 || byte <= 1 else { throw unreadable("a number of more than 64 bits") }
      value |= UInt(byte & 0x7F) << shift
      if byte < 0x80 { break }
      shift += 7
    }
    return Int(bitPattern: value >> 1) ^ -Int(bitPattern: value & 1)
  }

  /// A number of things that follow, each of at least one byte.
  package mutating func count() throws(MimoError) -> Int {
    let count = try int()
    guard count >= 0, count <= bytes.count - position else { throw unreadable("\(count) things in the space of fewer") }
    return count
  }

  package mutating func double() throws(MimoError) -> Double { Double(bitPattern: UInt64(UInt(bitPattern: try int()))) }

  package mutating func text() throws(MimoError) -> String {
    let count = try count()
    guard count <= BoundaryReader.textLimit else { throw unreadable("a text of \(count) bytes") }
    let units = UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
    guard let text = String(validating: units, as: UTF8.self) else { throw unreadable("a text that is no UTF-8") }
    position += count
    return text
  }

  /// A text that is not empty and holds no control characters.
  package mutating func name() throws(MimoError) -> String {
    let name = try text()
    guard !name.isEmpty, !name.utf8.contains(where: { $0 < 0x20 }) else { throw unreadable("a name that is none") }
    return name
  }

  package mutating func data() throws(MimoError) -> [UInt8] {
    let count = try count()
    defer { position += count }
    return Array(bytes[position..<position + count])
  }

  package mutating func list<Item>(
    _ read: (inout WireReader) throws(MimoError) -> Item
  ) throws(MimoError) -> [Item] {
    let count = try count()
    guard count <= DescribeSession.declarationLimit else { throw unreadable("a list of \(count) entries") }
    var items: [Item] = []
    items.reserveCapacity(min(count, 1 << 12))
    for _ in 0..<count { items.append(try read(&self)) }
    return items
  }

  package mutating func optional<Value>(
    _ read: (inout WireReader) throws(MimoError) -> Value
  ) throws(MimoError) -> Value? {
    try flag() ? try read(&self) : nil
  }

  package mutating func shape() throws(MimoError) -> GlobalShape {
    let rank = Int(try byte())
    guard rank <= DimVector.capacity else { throw unreadable("rank \(rank)") }
    var dims = DimVector()
    for _ in 0..<rank { dims.append(try int()) }
    return GlobalShape(dims)
  }
}
