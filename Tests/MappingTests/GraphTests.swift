import AlgebraSupport
import MimoMapping
import MimoSystem
import MimoTensor
import Testing

@Suite struct GraphTests {
  @Test func fragmentsSayWhatThePlainInterpreterSays() throws {
    for seed in 0..<400 {
      var random = Seeded(seed)
      var model = try RandomModel(&random)
      try model.declareAll()
      let targets = model.targets
      let description = try model.builder.finish()
      #expect(description.targets.map { Array($0.shape.dims) } == targets.map(\.dims), "seed \(seed)")
      for (target, plain) in zip(description.targets, targets) {
        #expect(expanded(target) == plain.elements, "seed \(seed), \(target.name)")
      }
    }
  }

  @Test func coverageIsProvenWhereEachElementIsUsedOnce() throws {
    for seed in 0..<400 {
      var random = Seeded(seed)
      var model = try RandomModel(&random)
      try model.declareAll()
      let description = try model.builder.finish()
      #expect(error { () throws(MimoError) in try Coverage.prove(description) } == nil, "seed \(seed)")
    }
  }

  @Test func aPieceThatNoTargetUsesIsAHole() throws {
    for seed in 0..<300 {
      var random = Seeded(seed)
      var model = try RandomModel(&random)
      try model.addSource()
      let missing = model.items.remove(at: random.number(0...(model.items.count - 1)))
      guard let first = Self.sources(of: missing.plain).min(by: { $0.key < $1.key }), !model.items.isEmpty else { continue }
      try model.declareAll()
      let count = model.sources[first.key].reduce(1, *)
      let description = try model.builder.finish()
      let found = error { () throws(MimoError) in try Coverage.prove(description) }
      #expect(
        found?.description
          == "tensor source.\(first.key): \(first.value) of \(count) elements are read by no target. This is a fault of the plugin",
        "seed \(seed)")
    }
  }

  @Test func aPieceThatTwoTargetsUseIsReadTwice() throws {
    for seed in 0..<300 {
      var random = Seeded(seed)
      var model = try RandomModel(&random)
      guard let twice = model.items.randomElement(using: &random),
        let first = Self.sources(of: twice.plain).keys.min()
      else { continue }
      try model.declare(twice)
      try model.declareAll()
      let description = try model.builder.finish()
      let found = error { () throws(MimoError) in try Coverage.prove(description) }
      #expect(
        found?.description == "tensor source.\(first): some elements are read twice. This is a fault of the plugin",
        "seed \(seed)")
    }
  }

  /// As many reads as elements, but of the wrong ones.
  @Test func aHoleThatAnOverlapHidesIsFound() throws {
    for seed in 0..<300 {
      var random = Seeded(seed)
      var model = try RandomModel(&random)
      try model.declareAll()
      var description = try model.builder.finish()
      guard Self.shiftOneRead(of: &description, &random) else { continue }
      let isSound = Self.isReadOnce(description)
      let found = error { () throws(MimoError) in try Coverage.prove(description) }
      #expect((found == nil) == isSound, "seed \(seed): \(found?.description ?? "accepted")")
    }
  }

  @Test func aHoleOrOverlapInATargetIsFound() throws {
    for seed in 0..<300 {
      var random = Seeded(seed)
      var model = try RandomModel(&random)
      try model.declareAll()
      var description = try model.builder.finish()
      let target = random.number(0...(description.targets.count - 1))
      let fragment = random.number(0...(description.targets[target].fragments.count - 1))
      let removed = description.targets[target].fragments[fragment]
      let isHole = random.oneIn(2)
      if isHole {
        description.targets[target].fragments.remove(at: fragment)
      } else {
        description.targets[target].fragments.append(removed)
      }
      let found = error { () throws(MimoError) in try Coverage.prove(description) }
      let what =
        isHole ? "\(removed.region.volume) elements are covered by nothing" : "\(removed.region) and \(removed.region) overlap"
      #expect(found?.message == "the mapping does not write each element once: \(what)", "seed \(seed)")
      #expect(found?.tensor == description.targets[target].name, "seed \(seed)")
    }
  }

  private static func sources(of plain: PlainTensor) -> [Int: Int] {
    var counts: [Int: Int] = [:]
    for case .source(let source, _, _) in plain.elements { counts[source, default: 0] += 1 }
    return counts
  }

  /// Lets a fragment read from another place of its source, where there is room.
  private static func shiftOneRead(of description: inout ModelDescription, _ random: inout Seeded) -> Bool {
    for target in description.targets.indices.shuffled(using: &random) {
      for index in description.targets[target].fragments.indices.shuffled(using: &random) {
        let fragment = description.targets[target].fragments[index]
        guard let source = fragment.source, let count = description.sources[source].shape.elementCount else { continue }
        let room = count - StridedBlock.span(fragment.region.extent, fragment.strides)
        guard room > 0 else { continue }
        description.targets[target].fragments[index].base = random.number(0...room)
        return true
      }
    }
    return false
  }

  private static func isReadOnce(_ description: ModelDescription) -> Bool {
    var reads = description.sources.map { [Int](repeating: 0, count: $0.shape.elementCount ?? 0) }
    for target in description.targets {
      for case .source(let source, let index, _)? in expanded(target) { reads[source][index] += 1 }
    }
    return reads.allSatisfy { $0.allSatisfy { $0 == 1 } }
  }
}

/// The error that `body` throws; nil when it throws none.
func error(_ body: () throws(MimoError) -> Void) -> MimoError? {
  do throws(MimoError) {
    try body()
    return nil
  } catch {
    return error
  }
}
