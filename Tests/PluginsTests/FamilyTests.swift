import MimoMapping
import MimoTensor
import Testing

/// Every family against names and shapes of the reference's own checkpoints.
struct FamilyTests {
  @Test(arguments: Fixture.all) func declaresExactlyTheCheckpoint(_ name: String) throws {
    let fixture = try Fixture(name)
    let model = try Described(fixture, layout: "megatron").model
    let declared = Dictionary(uniqueKeysWithValues: model.sources.map { ($0.name, $0.shape) })
    let duplicates = Set(model.ties.map(\.duplicate))
    expectEqual(declared, fixture.sources.filter { !duplicates.contains($0.key) })
  }

  @Test(arguments: Fixture.all) func movesEachElementOnce(_ name: String) throws {
    let fixture = try Fixture(name)
    for layout in try Described.plugin(fixture.family).info.layouts where layout != "prime" {
      try Coverage.prove(try Described(fixture, layout: layout).model)
    }
  }

  @Test(arguments: Fixture.all) func declaresExactlyTheModule(_ name: String) throws {
    let fixture = try Fixture(name)
    let expected = try #require(fixture.shapes("full"))
    expectEqual(try Described(fixture, layout: "megatron").targets, expected)
  }

  @Test(arguments: Fixture.all) func declaresExactlyTheDistributedCheckpoint(_ name: String) throws {
    let fixture = try Fixture(name)
    guard let expected = fixture.shapes("dist"), let states = fixture.shapes("state") else { return }
    let described = try Described(fixture, layout: "megatron")
    expectEqual(described.distributed, expected)
    expectEqual(described.states, states)
  }
}
