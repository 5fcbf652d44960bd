import MimoSystem

/// Remembered values, names, and the objects made from them.
extension PickleMachine {
  /// A slot number is never larger than the number of bytes read, which bounds the memo by the pickle's size.
  mutating func put(_ slot: Int) throws(MimoError) {
    let index = try top()
    guard slot <= position else { throw failure("memo slot \(slot) is out of range") }
    while memo.count <= slot { memo.append(PickleGraph.nowhere) }
    if memo[slot] == PickleGraph.nowhere { memoCount += 1 }
    memo[slot] = index
  }

  mutating func get(_ slot: Int) throws(MimoError) {
    guard slot < memo.count, memo[slot] != PickleGraph.nowhere else { throw failure("memo slot \(slot) is empty") }
    stack.append(memo[slot])
  }

  func textRange(_ index: Index) throws(MimoError) -> Range<Int> {
    let node = graph.nodes[Int(index)]
    guard node.kind == .string || node.kind == .latin1 else { throw failure("a global's name is not a string") }
    return Int(node.high)..<Int(node.high) + Int(node.low)
  }

  mutating func pushGlobal(_ module: Range<Int>, _ name: Range<Int>) throws(MimoError) {
    if let known = globalNodes.find(module, name, in: graph.source) { return stack.append(known) }
    guard module.count < 4096, name.count < 4096,
      let moduleText = String(fileText: graph.source[module]), let nameText = String(fileText: graph.source[name])
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

  mutating func pushObject(_ creation: PickleObject.Creation, callable: Index, arguments: Index) throws(MimoError) {
    guard graph.kind(callable) == .global else { throw failure("something that is not a global is called") }
    guard graph.kind(arguments) == .tuple else { throw failure("the arguments of a call are not a tuple") }
    let number = UInt32(graph.objects.count)
    graph.objects.append(.init(creation: creation, callable: callable, arguments: arguments))
    try push(.object, low: number, high: 0)
  }

  mutating func build() throws(MimoError) {
    let state = try pop()
    let node = graph.nodes[Int(try top())]
    guard node.kind == .object else { throw failure("there is no object to fill") }
    graph.objects[Int(node.low)].state = state
  }
}
