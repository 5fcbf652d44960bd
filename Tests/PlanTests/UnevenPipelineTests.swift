import MimoCheckpoints
import MimoParallel
import MimoTensor
import Testing

/// Stages with different numbers of layers.
@Suite struct UnevenPipelineTests {
  /// What was asked for, and the layers of each stage.
  struct Case: Sendable, CustomTestStringConvertible {
    var pp: Int
    var first: Int?
    var last: Int?
    var layers: [Int]
    var testDescription: String { "\(layers)" }
  }

  static let cases = [
    Case(pp: 1, layers: [3]), Case(pp: 2, last: 2, layers: [3, 2]), Case(pp: 2, first: 1, layers: [1, 4]),
    Case(pp: 3, first: 1, last: 2, layers: [1, 3, 2]), Case(pp: 4, first: 3, last: 1, layers: [3, 2, 2, 1]),
  ]

  @Test(arguments: cases) func namesRestartOnEachStage(_ one: Case) throws {
    let model = try SmallModel(layers: one.layers.reduce(0, +))
    let layout = try model.layout(.init(pp: one.pp, ppFirst: one.first, ppLast: one.last))
    let inventory = try RankInventory(layout, dtypes: model.description.targets.map { _ in .bf16 })
    #expect(inventory.ranks.count == one.pp)
    var firstLayer = 0
    for (stage, (held, count)) in zip(inventory.ranks, one.layers).enumerated() {
      let norms = held.filter { $0.spec.name.hasPrefix("layers.") && $0.spec.name.hasSuffix(".norm") }
      let layers = norms.map { model.description.targets[$0.target].layer?.index ?? -1 }
      let local = Dictionary(uniqueKeysWithValues: zip(norms.map(\.spec.name), layers))
      #expect(local == Dictionary(uniqueKeysWithValues: (0..<count).map { ("layers.\($0).norm", firstLayer + $0) }))
      let names = Set(held.map(\.spec.name))
      #expect(names.contains("embedding") == (stage == 0))
      #expect(names.contains("final.norm") == (stage == one.pp - 1))
      // A copy of the embedding, where it is not the first stage's own.
      #expect(names.contains("output") == (one.pp > 1 && stage == one.pp - 1))
      firstLayer += count
    }
  }

  @Test(arguments: cases) func stackedTensorsKeepTheModelsNumberOfLayers(_ one: Case) throws {
    let model = try SmallModel(layers: one.layers.reduce(0, +))
    let layout = try model.layout(.init(pp: one.pp, ppFirst: one.first, ppLast: one.last))
    let output = try DistOutput(layout, dtypes: model.description.targets.map { _ in .bf16 })
    let stacked = try #require(output.tensors.first { $0.key == "layers.norm" })
    #expect(stacked.shape == GlobalShape([one.layers.reduce(0, +), 7]))
    let files = stacked.items.map { output.catalog.files[output.catalog.chunks[$0].file].path }
    let expected = one.layers.enumerated().flatMap { stage, count in
      Array(repeating: "__\(stage)_0.distcp", count: count)
    }
    #expect(files == expected)
  }
}
