import MimoSystem

/// Lists, dicts and sets, and what is put into them.
extension PickleMachine {
  mutating func pushContainer(_ kind: PickleGraph.Kind) throws(MimoError) {
    let number = UInt32(graph.containers.count)
    graph.containers.append(.init())
    try push(kind, low: number, high: 0)
  }

  mutating func pushFilled(_ kind: PickleGraph.Kind) throws(MimoError) {
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

  mutating func addItems(_ range: Range<Int>, _ opcode: PickleOpcode) throws(MimoError) {
    let target = try below(range)
    switch graph.kind(target) {
    case .list where opcode != .addItems, .set where opcode == .addItems:
      try extend(graph.nodes[Int(target)].low, range)
    case .object where opcode != .addItems:
      try extend(try ownContainer(of: target, .list), range)
    default: throw failure("there is nothing to add to")
    }
  }

  mutating func addEntries(_ range: Range<Int>, _ opcode: PickleOpcode) throws(MimoError) {
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
}
