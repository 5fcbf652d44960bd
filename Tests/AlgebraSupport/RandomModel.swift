import MimoMapping
import MimoParallel
import MimoTensor

/// A random graph that uses each element of its sources once, built by `ModelBuilder` and by the plain interpreter alike.
package struct RandomModel {
  package struct Item {
    package var node: ModelBuilder.NodeID
    package var plain: PlainTensor
  }

  package struct Limits {
    package var sources = 1...4
    package var extent = 1...6
    package var rank = 0...4
    package var steps = 2...12
    package var kernels = true
    package init() {}
  }

  package var builder = ModelBuilder(components: ["language"])
  package var sources: [[Int]] = []
  /// Nodes that no other node uses: together they hold each element once.
  package var items: [Item] = []
  /// Parallel to the targets that were declared.
  package var targets: [PlainTensor] = []
  private var random: Seeded
  private let limits: Limits

  package init(_ random: inout Seeded, _ limits: Limits = Limits()) throws {
    self.random = random
    self.limits = limits
    for _ in 0..<self.random.number(limits.sources) { try addSource() }
    for _ in 0..<self.random.number(limits.steps) { try step() }
    random = self.random
  }

  /// Declares the item as a target of its own.
  package mutating func declare(_ item: Item) throws {
    _ = try builder.target(
      component: 0, name: "target.\(targets.count)", key: "", node: item.node, kind: .parameter, dtype: nil,
      placement: Placement(stage: .first), layer: nil, isVocabulary: false)
    targets.append(item.plain)
  }

  /// Declares every item, in a random order.
  package mutating func declareAll() throws {
    for item in items.shuffled(using: &random) { try declare(item) }
  }

  package mutating func addSource() throws {
    let dims = random.dims(rank: limits.rank, extent: limits.extent)
    let node = try builder.source("source.\(sources.count)", shape: shape(dims), published: nil)
    items.append(Item(node: node, plain: PlainTensor(source: sources.count, dims: dims)))
    sources.append(dims)
  }

  private mutating func step() throws {
    let item = items.remove(at: random.number(0...(items.count - 1)))
    switch random.number(0...7) {
    case 0, 1: items.append(try permuted(item))
    case 2, 3: items.append(try reshaped(item))
    case 4: items.append(contentsOf: try split(item))
    case 5: items.append(try regrouped(item))
    case 6: items.append(try joined(item))
    default: items.append(try random.oneIn(2) ? padded(item) : mapped(item))
    }
  }

  private mutating func permuted(_ item: Item) throws -> Item {
    let order = Array(0..<item.plain.dims.count).shuffled(using: &random)
    return Item(node: try builder.permute(item.node, order: order), plain: item.plain.permuted(order))
  }

  private mutating func reshaped(_ item: Item) throws -> Item {
    try reshaped(item, to: random.factors(of: item.plain.elements.count, maxRank: 6))
  }

  private mutating func reshaped(_ item: Item, to dims: [Int]) throws -> Item {
    Item(node: try builder.reshape(item.node, to: shape(dims)), plain: item.plain.reshaped(dims))
  }

  private mutating func split(_ item: Item) throws -> [Item] {
    guard let dim = item.plain.dims.indices.randomElement(using: &random) else { return [item] }
    return try split(item, dim: dim)
  }

  private mutating func split(_ item: Item, dim: Int) throws -> [Item] {
    var start = 0
    var parts: [Item] = []
    for length in random.cut(item.plain.dims[dim], parts: 3) {
      parts.append(
        Item(
          node: try builder.narrow(item.node, dim: dim, start: start, length: length),
          plain: item.plain.narrowed(dim: dim, start: start, length: length)))
      start += length
    }
    return parts
  }

  /// Cut along a dim and put together in another order.
  private mutating func regrouped(_ item: Item) throws -> Item {
    guard let dim = item.plain.dims.indices.randomElement(using: &random) else { return item }
    return try concat(split(item, dim: dim).shuffled(using: &random), dim: dim)
  }

  /// With another one, along a dim where that is possible, flat otherwise.
  private mutating func joined(_ item: Item) throws -> Item {
    guard let index = items.indices.randomElement(using: &random) else { return item }
    let other = items.remove(at: index)
    for dim in item.plain.dims.indices.shuffled(using: &random) where other.plain.dims.count == item.plain.dims.count {
      var dims = other.plain.dims
      dims[dim] = item.plain.dims[dim]
      if dims == item.plain.dims { return try concat([item, other], dim: dim) }
    }
    let flat = try [item, other].map { try reshaped($0, to: [$0.plain.elements.count]) }
    return try reshaped(try concat(flat, dim: 0))
  }

  private mutating func concat(_ parts: [Item], dim: Int) throws -> Item {
    Item(
      node: try builder.concat(parts.map(\.node), dim: dim), plain: PlainTensor.concat(parts.map(\.plain), dim: dim))
  }

  private mutating func padded(_ item: Item) throws -> Item {
    guard let dim = item.plain.dims.indices.randomElement(using: &random) else { return item }
    let extent = item.plain.dims[dim] + random.number(0...2)
    return Item(
      node: try builder.pad(item.node, dim: dim, to: extent), plain: item.plain.padded(dim: dim, to: extent))
  }

  private mutating func mapped(_ item: Item) throws -> Item {
    guard limits.kernels, !item.plain.elements.contains(where: \.isMapped) else { return item }
    return Item(node: try builder.map(item.node, kernel: .add(-1)), plain: item.plain.mapped())
  }
}
