/// Writes pickles of protocol 2, the only one that torch's safe loader takes.
///
/// Strings and globals that come again are written as references, as CPython does for identical objects.
package struct PickleWriter {
  package private(set) var bytes: [UInt8] = [PickleOpcode.proto.rawValue, 2]
  private var memoCount: UInt32 = 0
  private var globals: [PickleGlobal: UInt32] = [:]
  private var strings: [String: UInt32] = [:]

  package init(reserving capacity: Int = 256) { bytes.reserveCapacity(capacity) }

  /// Ends the pickle and gives its bytes.
  package consuming func finish() -> [UInt8] {
    op(.stop)
    return bytes
  }

  // MARK: One opcode at a time

  mutating func op(_ opcode: PickleOpcode) { bytes.append(opcode.rawValue) }

  mutating func none() { op(.none) }
  mutating func bool(_ value: Bool) { op(value ? .newTrue : .newFalse) }

  mutating func int(_ value: Int64) {
    switch value {
    case 0..<256:
      op(.binInt1)
      bytes.append(UInt8(value))
    case 256..<65536:
      op(.binInt2)
      littleEndian(UInt16(value))
    case Int64(Int32.min)...Int64(Int32.max):
      op(.binInt)
      littleEndian(Int32(value))
    default:
      let count = (value.bitWidth - (value < 0 ? ~value : value).leadingZeroBitCount) / 8 + 1
      bigInt((0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * min($0, 7))) })
    }
  }

  mutating func bigInt(_ twosComplement: [UInt8]) {
    if twosComplement.count < 256 {
      op(.long1)
      bytes.append(UInt8(twosComplement.count))
    } else {
      op(.long4)
      littleEndian(UInt32(twosComplement.count))
    }
    bytes += twosComplement
  }

  mutating func float(_ value: Double) {
    op(.binFloat)
    let bits = value.bitPattern.bigEndian
    withUnsafeBytes(of: bits) { bytes.append(contentsOf: $0) }
  }

  mutating func string(_ text: String) {
    if let slot = strings[text] { return get(slot) }
    var text = text
    text.withUTF8 {
      op(.binUnicode)
      littleEndian(UInt32($0.count))
      bytes.append(contentsOf: $0)
    }
    strings[text] = put()
  }

  mutating func global(_ global: PickleGlobal) {
    if let slot = globals[global] { return get(slot) }
    op(.global)
    bytes += global.module.utf8
    bytes.append(0x0A)
    bytes += global.name.utf8
    bytes.append(0x0A)
    globals[global] = put()
  }

  /// Remembers the object on top of the stack.
  @discardableResult
  mutating func put() -> UInt32 {
    let slot = memoCount
    memoCount += 1
    if slot < 256 {
      op(.binPut)
      bytes.append(UInt8(slot))
    } else {
      op(.longBinPut)
      littleEndian(slot)
    }
    return slot
  }

  mutating func get(_ slot: UInt32) {
    if slot < 256 {
      op(.binGet)
      bytes.append(UInt8(slot))
    } else {
      op(.longBinGet)
      littleEndian(slot)
    }
  }

  /// A tuple of integers that is not remembered.
  mutating func ints(_ values: some Collection<Int>) {
    if values.count > 3 { op(.mark) }
    for value in values { int(Int64(value)) }
    tupleEnd(values.count)
  }

  mutating func tupleEnd(_ count: Int) {
    switch count {
    case 0: op(.emptyTuple)
    case 1: op(.tuple1)
    case 2: op(.tuple2)
    case 3: op(.tuple3)
    default: op(.tuple)
    }
  }

  mutating func littleEndian(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }
}
