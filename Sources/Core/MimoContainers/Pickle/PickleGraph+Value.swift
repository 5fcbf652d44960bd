import MimoSystem

extension PickleGraph {
  /// The values below a node as a tree. Shared nodes are copied, so the size is bounded apart from the pickle's.
  package func value(_ index: Index, maximumValueCount: Int = 1 << 20, path: String? = nil) throws(MimoError)
    -> PickleValue
  {
    var budget = Budget(
      values: min(maximumValueCount, source.count * 32 + 1 << 12), textBytes: source.count * 16 + 1 << 20)
    return try value(index, depth: 0, budget: &budget, path: path)
  }

  private static var maximumDepth: Int { 200 }

  /// What a tree may still take: a pickle of a kilobyte can share one value a million times, or one long text.
  private struct Budget {
    var values: Int
    var textBytes: Int
  }

  private func value(_ index: Index, depth: Int, budget: inout Budget, path: String?) throws(MimoError) -> PickleValue {
    let node = nodes[Int(index)]
    budget.values -= 1
    if node.kind.isText { budget.textBytes -= Int(node.low) }
    guard depth < Self.maximumDepth, budget.values >= 0, budget.textBytes >= 0 else {
      throw MimoError(
        .invalidInput,
        depth < Self.maximumDepth ? "the pickled object is too large" : "the pickled object is nested too deep",
        path: path)
    }
    let text = Int(truncatingIfNeeded: node.high)
    switch node.kind {
    case .none: return .none
    case .bool: return .bool(node.high != 0)
    case .int: return .int(Int64(bitPattern: node.high))
    case .float: return .float(Double(bitPattern: node.high))
    case .bigInt: return .bigInt(Array(source[text..<text + Int(node.low)]))
    case .bytes: return .bytes(Array(source[text..<text + Int(node.low)]))
    case .latin1:
      return .string(String(String.UnicodeScalarView(source[text..<text + Int(node.low)].map { Unicode.Scalar($0) })))
    case .string:
      guard let value = string(index) else {
        throw MimoError(.invalidInput, "a string is not UTF-8, or has a character of too many marks", path: path, byte: origin + node.high)
      }
      return .string(value)
    case .tuple:
      var items: [PickleValue] = []
      for place in Int(node.high)..<Int(node.high) + Int(node.low) {
        items.append(try value(children[place], depth: depth + 1, budget: &budget, path: path))
      }
      return .tuple(items)
    case .list: return .list(try items(index, depth: depth, budget: &budget, path: path))
    case .set: return .set(try items(index, depth: depth, budget: &budget, path: path))
    case .dict: return .dict(try pairs(index, depth: depth, budget: &budget, path: path))
    case .global: return .global(globals[Int(node.low)])
    case .persistentID: return .persistentID(try value(node.low, depth: depth + 1, budget: &budget, path: path))
    case .object: return try object(objects[Int(node.low)], depth: depth, budget: &budget, path: path)
    }
  }

  private func items(_ index: Index, depth: Int, budget: inout Budget, path: String?) throws(MimoError) -> [PickleValue] {
    var result: [PickleValue] = []
    try forEachItem(index) { item throws(MimoError) in
      result.append(try value(item, depth: depth + 1, budget: &budget, path: path))
    }
    return result
  }

  private func pairs(_ index: Index, depth: Int, budget: inout Budget, path: String?) throws(MimoError) -> [PicklePair] {
    var result: [PicklePair] = []
    try forEachEntry(index) { key, item throws(MimoError) in
      let key = try value(key, depth: depth + 1, budget: &budget, path: path)
      result.append(PicklePair(key, try value(item, depth: depth + 1, budget: &budget, path: path)))
    }
    return result
  }

  private func object(_ object: Object, depth: Int, budget: inout Budget, path: String?) throws(MimoError) -> PickleValue {
    guard let callable = global(object.callable),
      case .tuple(let arguments) = try value(object.arguments, depth: depth + 1, budget: &budget, path: path)
    else { throw MimoError(.invalidInput, "an object is not made by a named class", path: path) }
    // Protocol 2 spells bytes as text to be encoded.
    if callable == PickleGlobal("_codecs", "encode"), arguments.count == 2, case .string(let text) = arguments[0],
      arguments[1] == .string("latin1"), text.unicodeScalars.allSatisfy({ $0.value < 256 })
    {
      return .bytes(text.unicodeScalars.map { UInt8($0.value) })
    }
    var result = PickleObject(object.creation, callable, arguments)
    if let state = object.state { result.state = try value(state, depth: depth + 1, budget: &budget, path: path) }
    if let list = object.listItems { result.listItems = try items(list, depth: depth, budget: &budget, path: path) }
    if let dict = object.dictItems { result.dictItems = try pairs(dict, depth: depth, budget: &budget, path: path) }
    return .object(result)
  }
}
