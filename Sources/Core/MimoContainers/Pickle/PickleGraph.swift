import MimoSystem

/// What a pickle describes, as flat arrays: a node is 16 bytes whatever it is, and refers to others by index.
///
/// `.metadata` files of large models have tens of millions of nodes; a tree of Swift values would not fit.
/// Texts stay where they are in the pickle. A node may be shared, and a hostile pickle may make cycles: walk with a bound.
package struct PickleGraph: Sendable {
  /// Index of a node.
  package typealias Index = UInt32

  package enum Kind: UInt8, Sendable {
    case none, bool, int, bigInt, float, string, bytes, tuple, list, set, dict, global, object, persistentID
    /// Text of protocol-1 strings and bytes-as-text: Latin-1.
    case latin1

    /// Whether the node is a run of the pickle's bytes, `low` long.
    var isText: Bool { self == .string || self == .latin1 || self == .bytes || self == .bigInt }
  }

  struct Node {
    var kind: Kind
    /// Count, length or table index, by kind.
    var low: UInt32
    /// Value, position or first child, by kind.
    var high: UInt64
  }

  /// Items of a list, set or dict come in runs of `children`; dicts have keys and values in turn.
  struct Run {
    var start: UInt32
    var count: UInt32
    var next: UInt32
  }

  struct Container {
    var first: UInt32 = nowhere
    var last: UInt32 = nowhere
    var count: UInt32 = 0
  }

  /// How an object is made, by node.
  package struct Object: Sendable {
    package var creation: PickleObject.Creation
    package var callable: Index
    /// A tuple.
    package var arguments: Index
    package var state: Index?
    /// A list node.
    package var listItems: Index?
    /// A dict node.
    package var dictItems: Index?
  }

  static let nowhere = UInt32.max

  package internal(set) var source: [UInt8]
  /// Where `source` begins in its file.
  let origin: UInt64
  package internal(set) var root: Index = 0
  var nodes: ContiguousArray<Node> = []
  var children: ContiguousArray<Index> = []
  var runs: ContiguousArray<Run> = []
  var containers: ContiguousArray<Container> = []
  var objects: ContiguousArray<Object> = []
  package internal(set) var globals: ContiguousArray<PickleGlobal> = []

  init(source: [UInt8], origin: UInt64) {
    self.source = source
    self.origin = origin
  }

  package var nodeCount: Int { nodes.count }

  package func kind(_ index: Index) -> Kind { nodes[Int(index)].kind }

  package func int(_ index: Index) -> Int? {
    let node = nodes[Int(index)]
    return node.kind == .int ? Int(truncatingIfNeeded: node.high) : nil
  }

  package func bool(_ index: Index) -> Bool? {
    let node = nodes[Int(index)]
    return node.kind == .bool ? node.high != 0 : nil
  }

  package func isNone(_ index: Index) -> Bool { nodes[Int(index)].kind == .none }

  /// The text of a string; nil for other nodes and for what is no text.
  package func string(_ index: Index) -> String? {
    let node = nodes[Int(index)]
    guard node.kind == .string else { return nil }
    return String(fileText: source[Int(node.high)..<Int(node.high) + Int(node.low)])
  }

  /// Whether a node is a string with this text.
  package func isString(_ index: Index, _ text: StaticString) -> Bool {
    let node = nodes[Int(index)]
    guard node.kind == .string, Int(node.low) == text.utf8CodeUnitCount else { return false }
    let start = Int(node.high)
    for i in 0..<text.utf8CodeUnitCount where source[start + i] != text.utf8Start[i] { return false }
    return true
  }

  /// Members of a tuple; nil for other nodes.
  package func tuple(_ index: Index) -> ArraySlice<Index>? {
    let node = nodes[Int(index)]
    guard node.kind == .tuple else { return nil }
    let start = Int(node.high)
    return ArraySlice(children[start..<start + Int(node.low)])
  }

  /// Number of members of a tuple and the place of the first in `children`, without making a collection.
  func tupleRange(_ index: Index) -> Range<Int>? {
    let node = nodes[Int(index)]
    guard node.kind == .tuple else { return nil }
    return Int(node.high)..<Int(node.high) + Int(node.low)
  }

  package func global(_ index: Index) -> PickleGlobal? {
    let node = nodes[Int(index)]
    return node.kind == .global ? globals[Int(node.low)] : nil
  }

  /// The number of a global in `globals`, to compare without text.
  func globalID(_ index: Index) -> UInt32? {
    let node = nodes[Int(index)]
    return node.kind == .global ? node.low : nil
  }

  package func object(_ index: Index) -> Object? {
    let node = nodes[Int(index)]
    return node.kind == .object ? objects[Int(node.low)] : nil
  }

  /// The tuple behind a persistent id.
  package func persistentID(_ index: Index) -> Index? {
    let node = nodes[Int(index)]
    return node.kind == .persistentID ? node.low : nil
  }

  /// Number of items of a list or set, of entries of a dict.
  package func count(_ index: Index) -> Int? {
    let node = nodes[Int(index)]
    switch node.kind {
    case .list, .set: return Int(containers[Int(node.low)].count)
    case .dict: return Int(containers[Int(node.low)].count) / 2
    case .tuple: return Int(node.low)
    default: return nil
    }
  }

  /// Calls `body` for each item of a list or set; false for other nodes.
  @discardableResult
  package func forEachItem(_ index: Index, _ body: (Index) throws(MimoError) -> Void) throws(MimoError) -> Bool {
    let node = nodes[Int(index)]
    guard node.kind == .list || node.kind == .set else { return false }
    var next = containers[Int(node.low)].first
    while next != Self.nowhere {
      let run = runs[Int(next)]
      for place in Int(run.start)..<Int(run.start) + Int(run.count) { try body(children[place]) }
      next = run.next
    }
    return true
  }

  /// Calls `body` for each entry of a dict or an OrderedDict; false for other nodes.
  @discardableResult
  package func forEachEntry(_ index: Index, _ body: (Index, Index) throws(MimoError) -> Void) throws(MimoError) -> Bool
  {
    var node = nodes[Int(index)]
    if node.kind == .object {
      let object = objects[Int(node.low)]
      guard global(object.callable) == PickleGlobal("collections", "OrderedDict") else { return false }
      guard let items = object.dictItems else { return true }
      node = nodes[Int(items)]
    }
    guard node.kind == .dict else { return false }
    var next = containers[Int(node.low)].first
    while next != Self.nowhere {
      let run = runs[Int(next)]
      var place = Int(run.start)
      while place + 1 < Int(run.start) + Int(run.count) {
        try body(children[place], children[place + 1])
        place += 2
      }
      next = run.next
    }
    return true
  }

  /// Entries of a dict that is searched from end to end. The attributes of torch's objects are ten at most, and a
  /// large dict that thousands of objects share would be searched thousands of times.
  private static var mostAttributes: Int { 64 }

  /// The last entry of a small dict under a string key; nil for large ones.
  package func entry(_ index: Index, _ key: StaticString) -> Index? {
    let node = nodes[Int(index)]
    guard node.kind == .dict, containers[Int(node.low)].count <= 2 * Self.mostAttributes else { return nil }
    var found: Index?
    var next = containers[Int(node.low)].first
    while next != Self.nowhere {
      let run = runs[Int(next)]
      for place in stride(from: Int(run.start), to: Int(run.start) + Int(run.count) - 1, by: 2)
      where isString(children[place], key) { found = children[place + 1] }
      next = run.next
    }
    return found
  }
}
