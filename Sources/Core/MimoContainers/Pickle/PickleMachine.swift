import MimoSystem

/// The stack machine that pickles are programs for; see CPython's `pickletools` for what each opcode does.
struct PickleMachine {
  typealias Index = PickleGraph.Index

  var graph: PickleGraph
  private(set) var position = 0
  let policy: PicklePolicy
  private let path: String?
  var stack: ContiguousArray<Index> = []
  var marks: ContiguousArray<Int> = []
  /// Node of each memo slot; `nowhere` where none was put.
  var memo: ContiguousArray<Index> = []
  var memoCount = 0
  var globalNodes = PickleGlobalTable()
  private var opcodeStart = 0

  /// Nodes that every graph begins with, so that these values cost nothing.
  private static let noneNode: Index = 0
  private static let falseNode: Index = 1
  private static let trueNode: Index = 2
  private static let emptyTupleNode: Index = 3
  private static let firstSmallInt: Index = 4

  init(_ bytes: [UInt8], policy: PicklePolicy, path: String?, origin: UInt64) {
    graph = PickleGraph(source: bytes, origin: origin)
    self.policy = policy
    self.path = path
    // About what torch's files need; pages that are not used are never touched.
    graph.nodes.reserveCapacity(260 + bytes.count / 7)
    graph.children.reserveCapacity(bytes.count / 5)
    graph.objects.reserveCapacity(bytes.count / 24)
    graph.nodes.append(.init(kind: .none, low: 0, high: 0))
    graph.nodes.append(.init(kind: .bool, low: 0, high: 0))
    graph.nodes.append(.init(kind: .bool, low: 0, high: 1))
    graph.nodes.append(.init(kind: .tuple, low: 0, high: 0))
    for number in 0..<256 { graph.nodes.append(.init(kind: .int, low: 0, high: UInt64(number))) }
  }

  mutating func run() throws(MimoError) {
    while true {
      opcodeStart = position
      let byte = try take1()
      guard let opcode = PickleOpcode(rawValue: byte) else {
        throw failure("this opcode is refused")
      }
      if opcode == .stop { break }
      try step(opcode)
    }
    graph.root = try pop()
    guard stack.isEmpty, marks.isEmpty else { throw failure("values are left over at the end") }
  }

  private mutating func step(_ opcode: PickleOpcode) throws(MimoError) {
    switch opcode {
    case .proto:
      let version = try take1()
      guard version <= 5 else { throw failure("pickle protocol \(version) is not known") }
    case .frame: _ = try take(8)
    case .stop: break
    case .mark:
      guard marks.count < policy.maximumNesting else { throw failure("nested deeper than \(policy.maximumNesting)") }
      marks.append(stack.count)
    case .pop: _ = try pop()
    case .popMark: stack.removeSubrange(try sinceMark())
    case .dup: stack.append(try top())
    case .none: stack.append(Self.noneNode)
    case .newTrue: stack.append(Self.trueNode)
    case .newFalse: stack.append(Self.falseNode)
    case .binInt1: stack.append(Self.firstSmallInt + UInt32(try take1()))
    case .binInt2: try pushInt(Int64(try integer(UInt16.self)))
    case .binInt: try pushInt(Int64(try integer(Int32.self)))
    case .long1: try pushLong(Int(try take1()))
    case .long4:
      let count = try integer(Int32.self)
      guard count >= 0, count <= 4096 else { throw failure("an integer of \(count) bytes is refused") }
      try pushLong(Int(count))
    case .binFloat: try push(.float, low: 0, high: UInt64(bigEndian: try integer(UInt64.self)))
    case .shortBinUnicode: try pushText(.string, UInt64(try take1()))
    case .binUnicode: try pushText(.string, UInt64(try integer(UInt32.self)))
    case .binUnicode8: try pushText(.string, try integer(UInt64.self))
    case .shortBinString: try pushText(.latin1, UInt64(try take1()))
    case .binString: try pushText(.latin1, UInt64(try integer(UInt32.self)))
    case .shortBinBytes: try pushText(.bytes, UInt64(try take1()))
    case .binBytes: try pushText(.bytes, UInt64(try integer(UInt32.self)))
    case .binBytes8, .byteArray8: try pushText(.bytes, try integer(UInt64.self))
    case .emptyTuple: stack.append(Self.emptyTupleNode)
    case .tuple1: try pushTuple(try last(1))
    case .tuple2: try pushTuple(try last(2))
    case .tuple3: try pushTuple(try last(3))
    case .tuple: try pushTuple(try sinceMark())
    case .emptyList: try pushContainer(.list)
    case .emptyDict: try pushContainer(.dict)
    case .emptySet: try pushContainer(.set)
    case .list: try pushFilled(.list)
    case .frozenSet: try pushFilled(.set)
    case .append: try addItems(try last(1), opcode)
    case .appends, .addItems: try addItems(try sinceMark(), opcode)
    case .setItem: try addEntries(try last(2), opcode)
    case .setItems: try addEntries(try sinceMark(), opcode)
    case .binPut: try put(Int(try take1()))
    case .longBinPut: try put(Int(try integer(UInt32.self)))
    case .memoize: try put(memoCount)
    case .binGet: try get(Int(try take1()))
    case .longBinGet: try get(Int(try integer(UInt32.self)))
    case .global:
      let module = try line()
      try pushGlobal(module, try line())
    case .stackGlobal:
      let name = try textRange(try pop())
      try pushGlobal(try textRange(try pop()), name)
    case .reduce:
      let arguments = try pop()
      try pushObject(.call, callable: try pop(), arguments: arguments)
    case .newObj:
      let arguments = try pop()
      try pushObject(.new, callable: try pop(), arguments: arguments)
    case .newObjEx:
      let keywords = try pop()
      let arguments = try pop()
      guard graph.count(keywords) == 0 else { throw failure("keywords are refused") }
      try pushObject(.new, callable: try pop(), arguments: arguments)
    case .build: try build()
    case .binPersID:
      guard policy.allowsPersistentIDs else { throw failure("storages are refused in a \(policy.subject)") }
      try push(.persistentID, low: try pop(), high: 0)
    }
  }

  // MARK: Input

  private mutating func take(_ count: UInt64) throws(MimoError) -> Int {
    let start = position
    guard count <= UInt64(graph.source.count - start) else { throw failure("the pickle is cut short") }
    position = start + Int(count)
    return start
  }

  @inline(__always)
  private mutating func take1() throws(MimoError) -> UInt8 {
    guard position < graph.source.count else { throw failure("the pickle is cut short") }
    position += 1
    return graph.source[position - 1]
  }

  @inline(__always)
  private mutating func integer<T: FixedWidthInteger>(_: T.Type) throws(MimoError) -> T {
    let start = try take(UInt64(MemoryLayout<T>.size))
    return graph.source.withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: start, as: T.self)) }
  }

  /// A line of a text argument, without its end.
  private mutating func line() throws(MimoError) -> Range<Int> {
    let start = position
    let limit = min(graph.source.count, start + 4096)
    var end = start
    while end < limit, graph.source[end] != 0x0A { end += 1 }
    guard end < limit else { throw failure("a name has no end") }
    position = end + 1
    return start..<end
  }

  // MARK: Stack

  func top() throws(MimoError) -> Index {
    guard let index = stack.last, stack.count > marks.last ?? 0 else { throw failure("the stack is empty") }
    return index
  }

  mutating func pop() throws(MimoError) -> Index {
    let index = try top()
    stack.removeLast()
    return index
  }

  private func last(_ count: Int) throws(MimoError) -> Range<Int> {
    guard stack.count - (marks.last ?? 0) >= count else { throw failure("the stack is empty") }
    return stack.count - count..<stack.count
  }

  mutating func sinceMark() throws(MimoError) -> Range<Int> {
    guard let mark = marks.popLast() else { throw failure("there is no mark") }
    return mark..<stack.count
  }

  @inline(__always)
  mutating func push(_ kind: PickleGraph.Kind, low: UInt32, high: UInt64) throws(MimoError) {
    guard graph.nodes.count < policy.maximumNodeCount else {
      throw failure("more than \(policy.maximumNodeCount) values")
    }
    stack.append(UInt32(graph.nodes.count))
    graph.nodes.append(.init(kind: kind, low: low, high: high))
  }

  private mutating func pushInt(_ value: Int64) throws(MimoError) {
    if value >= 0, value < 256 { return stack.append(Self.firstSmallInt + UInt32(value)) }
    try push(.int, low: 0, high: UInt64(bitPattern: value))
  }

  private mutating func pushLong(_ count: Int) throws(MimoError) {
    let start = try take(UInt64(count))
    if count > 8 { return try push(.bigInt, low: UInt32(count), high: UInt64(start)) }
    var value: UInt64 = 0
    for i in (0..<count).reversed() { value = value << 8 | UInt64(graph.source[start + i]) }
    let unused = UInt64(64 - 8 * count)
    try pushInt(count == 0 ? 0 : Int64(bitPattern: value << unused) >> Int64(unused))
  }

  private mutating func pushText(_ kind: PickleGraph.Kind, _ count: UInt64) throws(MimoError) {
    let start = try take(count)
    try push(kind, low: UInt32(count), high: UInt64(start))
  }

  private mutating func pushTuple(_ range: Range<Int>) throws(MimoError) {
    if range.isEmpty { return stack.append(Self.emptyTupleNode) }
    let start = try addChildren(range)
    try push(.tuple, low: UInt32(range.count), high: UInt64(start))
  }

  /// Moves stack values behind the other children.
  mutating func addChildren(_ range: Range<Int>) throws(MimoError) -> UInt32 {
    let start = graph.children.count
    guard start + range.count < UInt32.max else { throw failure("too many values") }
    for place in range { graph.children.append(stack[place]) }
    stack.removeLast(stack.count - range.lowerBound)
    return UInt32(start)
  }

  /// Names the opcode that is being carried out, and its place.
  func failure(_ message: String) -> MimoError {
    let opcode = opcodeStart < graph.source.count ? pickleOpcodeName(graph.source[opcodeStart]) : "end of the pickle"
    return MimoError(.invalidInput, "\(opcode): \(message)", path: path, byte: graph.origin + UInt64(opcodeStart))
  }
}
