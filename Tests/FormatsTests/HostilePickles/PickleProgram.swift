/// A pickle written opcode by opcode, as attackers write them: no writer of ours would.
struct PickleProgram: ExpressibleByArrayLiteral {
  /// One opcode with its argument.
  enum Step {
    case proto(UInt8)
    case frame(UInt64)
    case mark, stop, pop, popMark, dup
    case none, emptyTuple, tuple, tuple1, tuple2, tuple3, emptyList, emptyDict, emptySet, list, dict
    case append, appends, setItem, setItems, addItems
    case reduce, build, newObj, newObjEx, obj, stackGlobal, memoize, binPersID
    case nextBuffer, readOnlyBuffer
    case byte(UInt8)
    /// SHORT_BINUNICODE.
    case text(String)
    /// SHORT_BINSTRING: protocol-1 text.
    case oldText(String)
    /// UNICODE, STRING, INT, LONG, FLOAT: protocol 0.
    case line(Character, String)
    case global(String, String)
    case inst(String, String)
    case persID(String)
    case ext1(UInt8), ext2(UInt16), ext4(UInt32)
    case binPut(UInt8), binGet(UInt8), longBinPut(UInt32)
    /// LONG4 with a length that may lie.
    case long4(Int32)
    /// BINUNICODE8 and BYTEARRAY8 with a length that may lie.
    case text8(UInt64), byteArray8(UInt64)
    case raw([UInt8])
  }

  var steps: [Step]
  init(_ steps: [Step]) { self.steps = steps }
  init(arrayLiteral steps: Step...) { self.steps = steps }

  var bytes: [UInt8] { steps.flatMap(\.bytes) }

  /// Where the step with this number begins.
  func offset(of step: Int) -> UInt64 { UInt64(steps[..<step].reduce(0) { $0 + $1.bytes.count }) }
}

extension PickleProgram.Step {
  var bytes: [UInt8] {
    switch self {
    case .proto(let version): [0x80, version]
    case .frame(let count): [0x95] + little(count)
    case .mark: [0x28]
    case .stop: [0x2E]
    case .pop: [0x30]
    case .popMark: [0x31]
    case .dup: [0x32]
    case .none: [0x4E]
    case .emptyTuple: [0x29]
    case .tuple: [0x74]
    case .tuple1: [0x85]
    case .tuple2: [0x86]
    case .tuple3: [0x87]
    case .emptyList: [0x5D]
    case .emptyDict: [0x7D]
    case .emptySet: [0x8F]
    case .list: [0x6C]
    case .dict: [0x64]
    case .append: [0x61]
    case .appends: [0x65]
    case .setItem: [0x73]
    case .setItems: [0x75]
    case .addItems: [0x90]
    case .reduce: [0x52]
    case .build: [0x62]
    case .newObj: [0x81]
    case .newObjEx: [0x92]
    case .obj: [0x6F]
    case .stackGlobal: [0x93]
    case .memoize: [0x94]
    case .binPersID: [0x51]
    case .nextBuffer: [0x97]
    case .readOnlyBuffer: [0x98]
    case .byte(let value): [0x4B, value]
    case .text(let text): [0x8C, UInt8(text.utf8.count)] + text.utf8
    case .oldText(let text): [0x55, UInt8(text.utf8.count)] + text.utf8
    case .line(let opcode, let text): Array("\(opcode)\(text)\n".utf8)
    case .global(let module, let name): Array("c\(module)\n\(name)\n".utf8)
    case .inst(let module, let name): Array("i\(module)\n\(name)\n".utf8)
    case .persID(let text): Array("P\(text)\n".utf8)
    case .ext1(let code): [0x82, code]
    case .ext2(let code): [0x83] + little(code)
    case .ext4(let code): [0x84] + little(code)
    case .binPut(let slot): [0x71, slot]
    case .binGet(let slot): [0x68, slot]
    case .longBinPut(let slot): [0x72] + little(slot)
    case .long4(let count): [0x8B] + little(count)
    case .text8(let count): [0x8D] + little(count)
    case .byteArray8(let count): [0x96] + little(count)
    case .raw(let bytes): bytes
    }
  }

  private func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
  }
}
