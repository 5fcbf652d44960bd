import MimoMapping
import MimoParallel
import MimoSystem
import MimoTensor
import Testing

/// Everything that a builder refuses, by the line that says so.
@Suite struct RefusalTests {
  struct Fault: Sendable, CustomTestStringConvertible {
    var text: String
    var declare: @Sendable (inout ModelBuilder) throws(MimoError) -> Void
    init(_ text: String, _ declare: @escaping @Sendable (inout ModelBuilder) throws(MimoError) -> Void) {
      self.text = text
      self.declare = declare
    }
    var testDescription: String { text }
  }

  private static func a(_ builder: inout ModelBuilder, _ dims: DimVector = [4, 6]) throws(MimoError) -> Int {
    try builder.source("a", shape: GlobalShape(dims), published: nil)
  }

  @discardableResult
  private static func target(
    _ builder: inout ModelBuilder, name: String = "w", key: String = "", component: Int = 0, dims: DimVector = [4, 6],
    stage: Placement.Stage = .first, expert: Placement.Expert? = nil, split: Placement.Split = .none,
    segments: [Placement.Segment] = [], layer: AxisPosition? = nil
  ) throws(MimoError) -> Int {
    let node = try a(&builder, dims)
    return try builder.target(
      component: component, name: name, key: key, node: node, kind: .parameter, dtype: nil,
      placement: Placement(stage: stage, expert: expert, split: split, segments: segments), layer: layer,
      isVocabulary: false)
  }

  private static func expect(_ faults: Fault) {
    var builder = ModelBuilder(components: ["language", "images"])
    let found = error { () throws(MimoError) in try faults.declare(&builder) }
    #expect(found?.code == .plugin)
    #expect(found?.description == faults.text + ". This is a fault of the plugin")
  }

  @Test(arguments: [
    Fault("a source without a name") { b throws(MimoError) in _ = try b.source("", shape: GlobalShape([1]), published: nil) },
    Fault("tensor a: source has the impossible shape [4, 0]") { b throws(MimoError) in _ = try a(&b, [4, 0]) },
    Fault("tensor a: source has the impossible shape [-4]") { b throws(MimoError) in _ = try a(&b, [-4]) },
    Fault("tensor a: source has the impossible shape [\(Int.max), 2]") { b throws(MimoError) in _ = try a(&b, [.max, 2]) },
    Fault("tensor a: declared as [4, 6] and again as [6, 4]") { b throws(MimoError) in
      _ = try a(&b)
      _ = try a(&b, [6, 4])
    },
    Fault("node 7 does not exist") { b throws(MimoError) in _ = try b.permute(7, order: []) },
    Fault("node -1 does not exist") { b throws(MimoError) in _ = try b.shape(of: -1) },
    Fault("concat of no nodes") { b throws(MimoError) in _ = try b.concat([], dim: 0) },
    Fault("concat along dim 2 of [4, 6]") { b throws(MimoError) in _ = try b.concat([a(&b)], dim: 2) },
    Fault("concat of [4, 6] and [24] (made of a)") { b throws(MimoError) in
      let node = try a(&b)
      let flat = try b.reshape(node, to: GlobalShape([24]))
      _ = try b.concat([node, flat], dim: 0)
    },
    Fault("concat along dim 0 of [4, 6] and [6, 4] (made of a)") { b throws(MimoError) in
      let node = try a(&b)
      let turned = try b.permute(node, order: [1, 0])
      _ = try b.concat([node, turned], dim: 0)
    },
    Fault("concat along dim 0 of 2 nodes is larger than any tensor (made of a)") { b throws(MimoError) in
      let node = try a(&b, [1 << 31, 1 << 31])
      _ = try b.concat([node, node], dim: 0)
    },
    Fault("narrow along dim -1 of [4, 6]") { b throws(MimoError) in
      _ = try b.narrow(a(&b), dim: -1, start: 0, length: 1)
    },
    Fault("narrow to 3 from 2 on along dim 0 of [4, 6] (made of a)") { b throws(MimoError) in
      _ = try b.narrow(a(&b), dim: 0, start: 2, length: 3)
    },
    Fault("narrow to 0 from 2 on along dim 0 of [4, 6] (made of a)") { b throws(MimoError) in
      _ = try b.narrow(a(&b), dim: 0, start: 2, length: 0)
    },
    Fault("narrow to \(Int.max) from \(Int.max) on along dim 1 of [4, 6] (made of a)") { b throws(MimoError) in
      _ = try b.narrow(a(&b), dim: 1, start: .max, length: .max)
    },
    Fault("reshape of [4, 6] to [5, 5] (made of a)") { b throws(MimoError) in
      _ = try b.reshape(a(&b), to: GlobalShape([5, 5]))
    },
    Fault("reshape of [4, 6] to [-4, -6] (made of a)") { b throws(MimoError) in
      _ = try b.reshape(a(&b), to: GlobalShape([-4, -6]))
    },
    Fault("permute of [4, 6] by [0, 0] (made of a)") { b throws(MimoError) in _ = try b.permute(a(&b), order: [0, 0]) },
    Fault("permute of [4, 6] by [0] (made of a)") { b throws(MimoError) in _ = try b.permute(a(&b), order: [0]) },
    Fault("pad along dim 2 of [4, 6]") { b throws(MimoError) in _ = try b.pad(a(&b), dim: 2, to: 8) },
    Fault("pad of dim 0 of [4, 6] to 3 (made of a)") { b throws(MimoError) in _ = try b.pad(a(&b), dim: 0, to: 3) },
    Fault("pad of dim 0 of [4, 6] to \(Int.max) (made of a)") { b throws(MimoError) in
      _ = try b.pad(a(&b), dim: 0, to: .max)
    },
    Fault("zeros of the impossible shape [-1]") { b throws(MimoError) in _ = try b.zeros(GlobalShape([-1])) },
    Fault("the minimum is of one source as a whole (made of a)") { b throws(MimoError) in
      _ = try b.map(b.narrow(a(&b), dim: 0, start: 0, length: 1), kernel: .subtractMinimum)
    },
    Fault("a second kernel on the same elements (made of a)") { b throws(MimoError) in
      let node = try a(&b)
      let mapped = try b.concat([b.map(b.narrow(node, dim: 0, start: 0, length: 1), kernel: .add(1)), node], dim: 0)
      _ = try b.map(mapped, kernel: .add(1))
    },
  ])
  func graphs(_ fault: Fault) { Self.expect(fault) }

  @Test(arguments: [
    Fault("tensor w: belongs to component 2; the plugin has 2") { b throws(MimoError) in try target(&b, component: 2) },
    Fault("a target without a name") { b throws(MimoError) in try target(&b, name: "") },
    Fault("tensor w: declared twice") { b throws(MimoError) in
      try target(&b)
      try target(&b, key: "other")
    },
    Fault("tensor layers.3.w: declared twice") { b throws(MimoError) in
      try target(&b, name: "layers.{layer}.w", layer: AxisPosition(index: 3, count: 8))
      try target(&b, name: "layers.3.w")
    },
    Fault("tensor layers.{layer}.w: layer 8 of 8") { b throws(MimoError) in
      try target(&b, name: "layers.{layer}.w", layer: AxisPosition(index: 8, count: 8))
    },
    Fault("tensor {expert}.w: expert -1 of 8") { b throws(MimoError) in
      try target(&b, name: "{expert}.w", expert: .init(index: -1, count: 8))
    },
    Fault("tensor layers.{layer}.w: placeholder {layer} and its number do not go together") { b throws(MimoError) in
      try target(&b, name: "layers.{layer}.w")
    },
    Fault("tensor w: placeholder {layer} and its number do not go together") { b throws(MimoError) in
      try target(&b, layer: AxisPosition(index: 0, count: 8))
    },
    Fault("tensor w: placeholder {expert} and its number do not go together") { b throws(MimoError) in
      try target(&b, key: "{expert}.w")
    },
    Fault("tensor w: on the stage of layer 2, which its name does not say") { b throws(MimoError) in
      try target(&b, stage: .layer(2))
    },
    Fault("tensor {layer}.w: on the stage of layer 2, which its name does not say") { b throws(MimoError) in
      try target(&b, name: "{layer}.w", stage: .layer(2), layer: AxisPosition(index: 1, count: 8))
    },
    Fault("tensor w: split along dim 2 of [4, 6]") { b throws(MimoError) in try target(&b, split: .tp(dim: 2)) },
    Fault("tensor w: segments do not add up to dim 0 of [4, 6]") { b throws(MimoError) in
      try target(&b, split: .tp(dim: 0), segments: [.init(extent: 3)])
    },
    Fault("tensor w: segments do not add up to dim 1 of [4, 6]") { b throws(MimoError) in
      try target(&b, split: .etp(dim: 1))
    },
    Fault("tensor w: segments do not add up to dim 1 of [4, 6]") { b throws(MimoError) in
      try target(&b, split: .tp(dim: 1), segments: [.init(extent: 6, unit: 4)])
    },
    Fault("tensor w: segments do not add up to dim 1 of [4, 6]") { b throws(MimoError) in
      // 2^64 + 6: adds up where numbers wrap around.
      let quarter = Placement.Segment(extent: 1 << 62)
      try target(&b, split: .tp(dim: 1), segments: [quarter, quarter, quarter, quarter, .init(extent: 6)])
    },
    Fault("alias copy of an unknown target") { b throws(MimoError) in try b.alias(of: 0, name: "copy") },
    Fault("alias copy of a target that is not on the first stage") { b throws(MimoError) in
      let last = try target(&b, stage: .last)
      try b.alias(of: last, name: "copy")
    },
    Fault("tensor s: belongs to component -1; the plugin has 2") { b throws(MimoError) in
      try b.stateEntry(StateEntryDeclaration(component: -1, key: "s", layer: nil, expert: nil))
    },
    Fault("tensor s: layer 4 of 4") { b throws(MimoError) in
      try b.stateEntry(StateEntryDeclaration(component: 0, key: "s", layer: .init(index: 4, count: 4), expert: nil))
    },
    Fault("a drop rule needs a pattern and a reason") { b throws(MimoError) in try b.drop(pattern: "a", reason: "") },
    Fault("a drop rule needs a pattern and a reason") { b throws(MimoError) in try b.drop(pattern: "", reason: "a") },
    Fault("tensor b: tied to an undeclared source a") { b throws(MimoError) in try b.tie(duplicate: "b", original: "a") },
    Fault("tensor a: tied and declared as a source of its own") { b throws(MimoError) in
      _ = try a(&b)
      try b.tie(duplicate: "a", original: "a")
    },
    Fault("tensor b: tied and declared as a source of its own") { b throws(MimoError) in
      try target(&b)
      try b.tie(duplicate: "b", original: "a")
      _ = try b.source("b", shape: GlobalShape([4]), published: nil)
      _ = try b.finish()
    },
    Fault("the plugin declared no target") { b throws(MimoError) in _ = try b.finish() },
  ])
  func layouts(_ fault: Fault) { Self.expect(fault) }

  @Test func theSameNameInAnotherComponentIsAnotherTarget() throws {
    var builder = ModelBuilder(components: ["language", "images"])
    try Self.target(&builder)
    try Self.target(&builder, component: 1)
    #expect(try builder.finish().targets.map(\.globalName) == ["w", "w"])
  }

  @Test func aSourceAskedForAgainIsTheSame() throws {
    var builder = ModelBuilder(components: ["language"])
    let first = try Self.a(&builder)
    let second = try Self.a(&builder)
    _ = try builder.target(
      component: 0, name: "w", key: "", node: builder.concat([first, second], dim: 0), kind: .buffer, dtype: .f32,
      placement: Placement(stage: .first), layer: nil, isVocabulary: false)
    let description = try builder.finish()
    #expect(description.sources.count == 1)
    #expect(description.targets[0].fragments.map(\.source) == [0, 0])
    #expect(description.targets[0].key == "w")
  }
}
