import AlgebraSupport
import MimoMapping
import MimoParallel
import MimoTensor
import Testing

/// What families share, at random sizes, against what the modules mean; checkpoints of the reference have few sizes.
@Suite struct CompositeTests {
  static let seeds = 0..<8

  @Test(arguments: Composite.all, seeds)
  func everyRankHoldsWhatItsModuleMeans(_ composite: Composite, seed: Int) throws {
    var sizes = Sizes(seed: seed)
    let example = composite.make(&sizes)
    let targets = try example.describe()
    #expect(Set(targets.keys) == Set(example.meanings.keys), "\(composite.name), seed \(seed)")
    for (name, target) in targets {
      guard let meaning = example.meanings[name] else { continue }
      let whole = PlainPiece(target)
      var shards = [Share.whole: whole]
      let sharding = try self.sharding(of: target, sizes)
      for rank in 0..<sharding.shardCount {
        shards[Share(rank: rank, count: sharding.shardCount)] = whole.shard(rank, of: sharding)
      }
      #expect(sharding.shardCount == ways(meaning, sizes), "\(composite.name), seed \(seed): \(name)")
      for (share, held) in shards {
        guard let difference = held.difference(from: meaning.held(share)) else { continue }
        Issue.record("\(composite.name), seed \(seed): \(name), rank \(share.rank) of \(share.count): \(difference)")
      }
    }
  }

  /// The way back: all ranks together hold each element of the checkpoint once.
  @Test(arguments: Composite.all, seeds)
  func ranksTogetherGiveEachElementBackOnce(_ composite: Composite, seed: Int) throws {
    var sizes = Sizes(seed: seed)
    let example = composite.make(&sizes)
    var held = example.sources.map { [Int](repeating: 0, count: $0.dims.reduce(1, *)) }
    for (name, target) in try example.describe() {
      let whole = PlainPiece(target)
      let sharding = try sharding(of: target, sizes)
      for element in (0..<sharding.shardCount).flatMap({ whole.shard($0, of: sharding).elements }) {
        guard case .source(let source, let index, _)? = element, held.indices.contains(source) else {
          Issue.record("\(composite.name), seed \(seed): \(name) has an element from elsewhere")
          continue
        }
        held[source][index] += 1
      }
    }
    for (source, counts) in zip(example.sources, held) {
      #expect(counts.allSatisfy { $0 == 1 }, "\(composite.name), seed \(seed): \(source.name)")
    }
  }

  /// Otherwise a matrix read the wrong way round would have the right shape.
  @Test(arguments: Composite.all, seeds)
  func noMatrixIsSquare(_ composite: Composite, seed: Int) {
    var sizes = Sizes(seed: seed)
    for source in composite.make(&sizes).sources where source.dims.count >= 2 {
      #expect(Set(source.dims).count == source.dims.count, "\(composite.name), seed \(seed): \(source.name)")
    }
  }

  private func sharding(of target: TargetDeclaration, _ sizes: Sizes) throws -> Sharding {
    let layout = ComponentLayout(tp: sizes.tp, dp: sizes.etp * sizes.ep, ep: sizes.ep, etp: sizes.etp)
    let site = ShardingSite(
      grid: try RankGrid(layout, of: "model"), pipeline: try PipelineSplit(layers: 1, layout: layout, of: "model"))
    return try Sharding(of: target.name, shape: target.shape, placement: target.placement, at: site)
  }

  private func ways(_ meaning: CompositeCase.Meaning, _ sizes: Sizes) -> Int {
    switch meaning.split {
    case .none: 1
    case .tp: sizes.tp
    case .etp: sizes.etp
    }
  }
}

/// What is stored of a target, whole or on one rank, element by element.
struct PlainPiece {
  var dims: [Int]
  /// Row-major; nil where nothing or more than one thing is written.
  var elements: [PlainElement?]

  init(_ target: TargetDeclaration) {
    dims = Array(target.shape.dims)
    elements = expanded(target)
  }

  /// A rank's tensor: its pieces, one after the other along the split dim.
  func shard(_ rank: Int, of sharding: Sharding) -> PlainPiece {
    var local = self
    local.dims = Array(sharding.localShape.dims)
    local.elements = Array(repeating: nil, count: local.dims.reduce(1, *))
    for piece in sharding.pieces(ofShard: rank) {
      for (index, length) in runs(Array(piece.region.extent)) {
        var place = index
        if let dim = sharding.dim { place[dim] += piece.localOffset }
        let to = position(place, in: local.dims)
        let from = position(zip(index, piece.region.offset).map { $0 + $1 }, in: dims)
        for offset in 0..<length { local.elements[to + offset] = elements[from + offset] }
      }
    }
    return local
  }

  /// nil when there is none.
  func difference(from expected: PlainTensor) -> String? {
    guard dims == expected.dims else { return "is \(dims), means \(expected.dims)" }
    guard let first = elements.indices.first(where: { elements[$0] != expected.elements[$0] }) else { return nil }
    return "element \(first) is \(String(describing: elements[first])), means \(expected.elements[first])"
  }
}
