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
