import MimoTensor

/// Bytes of a message between the host and a plugin's process: variable-length numbers, and texts with their lengths.
package struct WireWriter: Sendable {
  package private(set) var bytes: [UInt8] = []

  package init() {}

  package mutating func clear() { bytes.removeAll(keepingCapacity: true) }

  package mutating func byte(_ value: UInt8) { bytes.append(value) }

  package mutating func flag(_ value: Bool) { byte(value ? 1 : 0) }

  /// Seven bits a byte, the lowest first; small numbers of either sign are short.
  package mutating func int(_ value: Int) {
    var rest = UInt(bitPattern: (value << 1) ^ (value >> (Int.bitWidth - 1)))
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  package mutating func double(_ value: Double) { int(Int(bitPattern: UInt(value.bitPattern))) }

  package mutating func text(_ value: String) {
    var value = value
    value.withUTF8 { units in
      int(units.count)
      bytes.append(contentsOf: units)
    }
  }

  package mutating func data(_ value: [UInt8]) {
    int(value.count)
    bytes.append(contentsOf: value)
  }

  package mutating func list<Item>(_ items: [Item], _ write: (inout WireWriter, Item) -> Void) {
    int(items.count)
    for item in items { write(&self, item) }
  }

  package mutating func optional<Value>(_ value: Value?, _ write: (inout WireWriter, Value) -> Void) {
    flag(value != nil)
    if let value { write(&self, value) }
  }

  package mutating func shape(_ shape: GlobalShape) {
    byte(UInt8(truncatingIfNeeded: shape.rank))
    for extent in shape.dims { int(extent) }
  }
}
