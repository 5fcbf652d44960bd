import MimoCheckpoints
import MimoMapping
import MimoParallel
import MimoTensor
import Testing

/// Forms in which versions of megatron-core store the same parameter.
@Suite struct DistKeyTests {
  /// A form as a reader of the checkpoint sees it.
  private struct Form: Equatable, CustomStringConvertible {
    var key: String
    var shape: DimVector
    var lead: DimVector
    var start = 0
    var description: String { "\(key) \(shape) at \(lead) + \(start)" }
  }

  private static func target(_ name: String, key: String, _ placement: Placement) throws -> TargetDeclaration {
    var builder = ModelBuilder(components: ["language"])
    let node = try builder.source("w", shape: GlobalShape([12, 5]), published: nil)
    _ = try builder.target(
      component: 0, name: name, key: key, node: node, kind: .parameter, dtype: nil, placement: placement,
      layer: AxisPosition(index: 1, count: 3), isVocabulary: false)
    return try builder.finish().targets[0]
  }

  /// All tensors of all forms of a target, in the order in which they are looked for.
  private static func forms(_ target: TargetDeclaration) -> [[Form]] {
    DistKey.variants(of: target).map { variant in
      variant.segments(of: target).map { segment in
        let key = DistKey(target, variant, segment: segment, prefix: "model.")
        return Form(key: key.key, shape: key.shape.dims, lead: key.lead, start: key.segmentStart)
      }
    }
  }

  @Test func layersAreStackedOrHaveAKeyEach() throws {
    let here = Placement(stage: .layer(1))
    let one = Form(key: "model.layers.1.norm", shape: [12, 5], lead: [])
    let stacked = Form(key: "model.layers.norm", shape: [3, 12, 5], lead: [1])
    #expect(Self.forms(try Self.target("layers.{layer}.norm", key: "layers.norm", here)) == [[stacked], [one]])
    #expect(Self.forms(try Self.target("layers.{layer}.norm", key: "layers.{layer}.norm", here)) == [[one], [stacked]])
  }

  @Test func gateAndUpAreTogetherOrApart() throws {
    let gate = Placement.Segment(extent: 6)
    let split = Placement(stage: .layer(1), split: .tp(dim: 0), segments: [gate, gate])
    #expect(
      Self.forms(try Self.target("layers.{layer}.fc1", key: "layers.{layer}.fc1", split)) == [
        [Form(key: "model.layers.1.fc1", shape: [12, 5], lead: [])],
        [Form(key: "model.layers.fc1", shape: [3, 12, 5], lead: [1])],
        [
          Form(key: "model.layers.1.fc1_w", shape: [6, 5], lead: []),
          Form(key: "model.layers.1.fc1_v", shape: [6, 5], lead: [], start: 6),
        ],
        [
          Form(key: "model.layers.fc1_w", shape: [3, 6, 5], lead: [1]),
          Form(key: "model.layers.fc1_v", shape: [3, 6, 5], lead: [1], start: 6),
        ],
      ])
  }

  @Test func namedPartsHaveAKeyEachOrOneTogether() throws {
    let parts = [Placement.Segment(name: "z", extent: 8), Placement.Segment(name: "dt", extent: 4)]
    let split = Placement(stage: .layer(1), split: .tp(dim: 0), segments: parts)
    #expect(
      Self.forms(try Self.target("layers.{layer}.in_proj", key: "layers.{layer}.in_proj", split)) == [
        [
          Form(key: "model.layers.1.in_proj.z", shape: [8, 5], lead: []),
          Form(key: "model.layers.1.in_proj.dt", shape: [4, 5], lead: [], start: 8),
        ],
        [
          Form(key: "model.layers.in_proj.z", shape: [3, 8, 5], lead: [1]),
          Form(key: "model.layers.in_proj.dt", shape: [3, 4, 5], lead: [1], start: 8),
        ],
        [Form(key: "model.layers.1.in_proj", shape: [12, 5], lead: [])],
        [Form(key: "model.layers.in_proj", shape: [3, 12, 5], lead: [1])],
      ])
  }

  @Test func expertsHaveAnAxisOrAKeyEach() throws {
    let expert = Placement(stage: .layer(1), expert: .init(index: 2, count: 4))
    let target = try Self.target("layers.{layer}.experts.w{expert}", key: "layers.experts.experts.w", expert)
    #expect(
      Self.forms(target) == [
        [Form(key: "model.layers.experts.experts.w", shape: [3, 4, 12, 5], lead: [1, 2])],
        [Form(key: "model.layers.1.experts.experts.w", shape: [4, 12, 5], lead: [2])],
        [Form(key: "model.layers.experts.experts.2.w", shape: [3, 12, 5], lead: [1])],
        [Form(key: "model.layers.1.experts.experts.2.w", shape: [12, 5], lead: [])],
      ])
  }

  /// Of a stacked tensor of parts: leading axes first, then rows of the part.
  @Test func placesInTheStoredTensorGoBackToTheTarget() throws {
    let parts = [Placement.Segment(name: "z", extent: 8), Placement.Segment(name: "dt", extent: 4)]
    let split = Placement(stage: .layer(1), split: .tp(dim: 0), segments: parts)
    let key = DistKey(try Self.target("layers.{layer}.in_proj", key: "layers.in_proj", split), segment: 1, prefix: "")
    let own = Region(offset: [10, 0], extent: [2, 5])
    let stored = Region(offset: [1, 2, 0], extent: [1, 2, 5])
    #expect(key.stored(own) == stored)
    #expect(key.target(stored) == own)
    // A chunk over several layers holds this one's rows too; one of other layers does not.
    #expect(key.target(Region(offset: [0, 2, 0], extent: [2, 2, 5])) == own)
    #expect(key.target(Region(offset: [0, 2, 0], extent: [1, 2, 5])) == nil)
    #expect(key.target(Region(offset: [2, 2, 0], extent: [1, 2, 5])) == nil)
  }
}
