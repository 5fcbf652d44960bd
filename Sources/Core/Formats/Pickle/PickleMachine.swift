import MimoSystem

/// The stack machine that pickles are programs for; see CPython's `pickletools` for what each opcode does.
struct PickleMachine {
  typealias Index = PickleGraph.Index

  private(set) var graph: PickleGraph
  private(set) var position = 0
  private let policy: PicklePolicy
  private let path: String?
  private var stack: ContiguousArray<Index> = []
  private var marks: ContiguousArray<Int> = []
  /// Node of each memo slot; `nowhere` where none was put.
  private var memo: ContiguousArray<Index> = []
  private var memoCount = 0
  private var globalNodes = PickleGlobalTable()
  private var opcodeStart = 0

  /// Nodes that every graph begins with, so that these values cost nothing.
  private static let noneNode: Index = 0
  private static let falseNode: Index = 1
  private static let trueNode: Index = 2
  private static let emptyTupleNode: Index = 3
  private static let firstSmallInt: Index = 4

  init(_ bytes: [UInt8], policy: PicklePolicy, path: String?) {
    graph = PickleGraph(source: bytes)
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

  private func top() throws(MimoError) -> Index {
    guard let index = stack.last, stack.count > marks.last ?? 0 else { throw failure("the stack is empty") }
    return index
  }

  private mutating func pop() throws(MimoError) -> Index {
    let index = try top()
    stack.removeLast()
    return index
  }

  private func last(_ count: Int) throws(MimoError) -> Range<Int> {
    guard stack.count - (marks.last ?? 0) >= count else { throw failure("the stack is empty") }
    return stack.count - count..<stack.count
  }

  private mutating func sinceMark() throws(MimoError) -> Range<Int> {
    guard let mark = marks.popLast() else { throw failure("there is no mark") }
    return mark..<stack.count
  }

  @inline(__always)
  private mutating func push(_ kind: PickleGraph.Kind, low: UInt32, high: UInt64) throws(MimoError) {
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
  private mutating func addChildren(_ range: Range<Int>) throws(MimoError) -> UInt32 {
    let start = graph.children.count
    guard start + range.count < UInt32.max else { throw failure("too many values") }
    for place in range { graph.children.append(stack[place]) }
    stack.removeLast(stack.count - range.lowerBound)
    return UInt32(start)
  }

  // MARK: Containers

  private mutating func pushContainer(_ kind: PickleGraph.Kind) throws(MimoError) {
    let number = UInt32(graph.containers.count)
    graph.containers.append(.init())
    try push(kind, low: number, high: 0)
  }

  private mutating func pushFilled(_ kind: PickleGraph.Kind) throws(MimoError) {
    let range = try sinceMark()
    let number = UInt32(graph.containers.count)
    graph.containers.append(.init())
    try extend(number, range)
    try push(kind, low: number, high: 0)
  }

  private mutating func extend(_ number: UInt32, _ range: Range<Int>) throws(MimoError) {
    if range.isEmpty { return }
    let start = try addChildren(range)
    var container = graph.containers[Int(number)]
    container.count += UInt32(range.count)
    if container.last != PickleGraph.nowhere {
      let last = graph.runs[Int(container.last)]
      if last.start + last.count == start {
        graph.runs[Int(container.last)].count += UInt32(range.count)
        graph.containers[Int(number)] = container
        return
      }
      graph.runs[Int(container.last)].next = UInt32(graph.runs.count)
    } else {
      container.first = UInt32(graph.runs.count)
    }
    container.last = UInt32(graph.runs.count)
    graph.runs.append(.init(start: start, count: UInt32(range.count), next: PickleGraph.nowhere))
    graph.containers[Int(number)] = container
  }

  private mutating func addItems(_ range: Range<Int>, _ opcode: PickleOpcode) throws(MimoError) {
    let target = try below(range)
    switch graph.kind(target) {
    case .list where opcode != .addItems, .set where opcode == .addItems:
      try extend(graph.nodes[Int(target)].low, range)
    case .object where opcode != .addItems:
      try extend(try ownContainer(of: target, .list), range)
    default: throw failure("there is nothing to add to")
    }
  }

  private mutating func addEntries(_ range: Range<Int>, _ opcode: PickleOpcode) throws(MimoError) {
    guard range.count % 2 == 0 else { throw failure("a key has no value") }
    let target = try below(range)
    switch graph.kind(target) {
    case .dict: try extend(graph.nodes[Int(target)].low, range)
    case .object: try extend(try ownContainer(of: target, .dict), range)
    default: throw failure("there is nothing to add to")
    }
  }

  private func below(_ range: Range<Int>) throws(MimoError) -> Index {
    guard range.lowerBound > marks.last ?? 0 else { throw failure("the stack is empty") }
    return stack[range.lowerBound - 1]
  }

  /// The list or dict that an object is filled through.
  private mutating func ownContainer(of target: Index, _ kind: PickleGraph.Kind) throws(MimoError) -> UInt32 {
    let number = Int(graph.nodes[Int(target)].low)
    let known = kind == .list ? graph.objects[number].listItems : graph.objects[number].dictItems
    if let known { return graph.nodes[Int(known)].low }
    let container = UInt32(graph.containers.count)
    graph.containers.append(.init())
    let node = UInt32(graph.nodes.count)
    graph.nodes.append(.init(kind: kind, low: container, high: 0))
    if kind == .list { graph.objects[number].listItems = node } else { graph.objects[number].dictItems = node }
    return container
  }

  // MARK: Memo

  /// A slot number is never larger than the number of bytes read, which bounds the memo by the pickle's size.
  private mutating func put(_ slot: Int) throws(MimoError) {
    let index = try top()
    guard slot <= position else { throw failure("memo slot \(slot) is out of range") }
    while memo.count <= slot { memo.append(PickleGraph.nowhere) }
    if memo[slot] == PickleGraph.nowhere { memoCount += 1 }
    memo[slot] = index
  }

  private mutating func get(_ slot: Int) throws(MimoError) {
    guard slot < memo.count, memo[slot] != PickleGraph.nowhere else { throw failure("memo slot \(slot) is empty") }
    stack.append(memo[slot])
  }

  // MARK: Objects

  private func textRange(_ index: Index) throws(MimoError) -> Range<Int> {
    let node = graph.nodes[Int(index)]
    guard node.kind == .string || node.kind == .latin1 else { throw failure("a global's name is not a string") }
    return Int(node.high)..<Int(node.high) + Int(node.low)
  }

  private mutating func pushGlobal(_ module: Range<Int>, _ name: Range<Int>) throws(MimoError) {
    if let known = globalNodes.find(module, name, in: graph.source) { return stack.append(known) }
    guard module.count < 4096, name.count < 4096,
      let moduleText = String(validating: graph.source[module], as: UTF8.self),
      let nameText = String(validating: graph.source[name], as: UTF8.self)
    else { throw failure("a global's name is not text") }
    let global = PickleGlobal(moduleText, nameText)
    if let allowed = policy.globals, !allowed.contains(global) {
      throw failure("the global \(global) is refused in a \(policy.subject)")
    }
    let number = UInt32(graph.globals.count)
    graph.globals.append(global)
    try push(.global, low: number, high: 0)
    globalNodes.insert(module, name, node: stack[stack.count - 1], in: graph.source)
  }

  private mutating func pushObject(_ creation: PickleObject.Creation, callable: Index, arguments: Index) throws(MimoError) {
    guard graph.kind(callable) == .global else { throw failure("something that is not a global is called") }
    guard graph.kind(arguments) == .tuple else { throw failure("the arguments of a call are not a tuple") }
    let number = UInt32(graph.objects.count)
    graph.objects.append(.init(creation: creation, callable: callable, arguments: arguments))
    try push(.object, low: number, high: 0)
  }

  private mutating func build() throws(MimoError) {
    let state = try pop()
    let node = graph.nodes[Int(try top())]
    guard node.kind == .object else { throw failure("there is no object to fill") }
    graph.objects[Int(node.low)].state = state
  }

  /// Names the opcode that is being carried out, and its place.
  private func failure(_ message: String) -> MimoError {
    let opcode = opcodeStart < graph.source.count ? pickleOpcodeName(graph.source[opcodeStart]) : "end of the pickle"
    return MimoError(.invalidInput, "\(opcode): \(message)", path: path, byte: UInt64(opcodeStart))
  }
}

/// Finds the node of a global by its text in the pickle, without making strings.
struct PickleGlobalTable {
  private struct Entry {
    var module: Range<Int>
    var name: Range<Int>
    var node: PickleGraph.Index
  }

  private var entries: [UInt64: [Entry]] = [:]

  func find(_ module: Range<Int>, _ name: Range<Int>, in source: [UInt8]) -> PickleGraph.Index? {
    guard let candidates = entries[Self.hash(module, name, source)] else { return nil }
    for entry in candidates
    where source[entry.module].elementsEqual(source[module]) && source[entry.name].elementsEqual(source[name]) {
      return entry.node
    }
    return nil
  }

  mutating func insert(_ module: Range<Int>, _ name: Range<Int>, node: PickleGraph.Index, in source: [UInt8]) {
    entries[Self.hash(module, name, source), default: []].append(Entry(module: module, name: name, node: node))
  }

  /// FNV-1a over both names.
  private static func hash(_ module: Range<Int>, _ name: Range<Int>, _ source: [UInt8]) -> UInt64 {
    var result: UInt64 = 0xCBF2_9CE4_8422_2325
    source.withUnsafeBufferPointer { bytes in
      for place in module { result = (result ^ UInt64(bytes[place])) &* 0x100_0000_01B3 }
      result = (result ^ 0x0A) &* 0x100_0000_01B3
      for place in name { result = (result ^ UInt64(bytes[place])) &* 0x100_0000_01B3 }
    }
    return result
  }
}
