import MimoCheckpoints
import MimoMapping
import MimoParallel
import MimoSystem
import MimoTensor
import MimoTransfer

/// A model of a few layers, declared by hand: a target of each kind of placement, made of a source of its own.
struct SmallModel {
  let description: ModelDescription

  init(layers: Int) throws {
    var builder = ModelBuilder(components: ["language"])
    let vocabulary = Placement(stage: .first, split: .tp(dim: 0), segments: [.init(extent: 8)])
    let embedding = try builder.declare("embedding", [8, 5], vocabulary)
    try builder.alias(of: embedding, name: "output")
    for layer in 0..<layers { try SmallModel.declare(AxisPosition(index: layer, count: layers), &builder) }
    _ = try builder.declare("final.norm", [5], Placement(stage: .last))
    description = try builder.finish()
  }

  private static func declare(_ layer: AxisPosition, _ builder: inout ModelBuilder) throws {
    func split(_ dim: Int, _ segments: [Placement.Segment]) -> Placement {
      Placement(stage: .layer(layer.index), split: .tp(dim: dim), segments: segments)
    }
    let gate = Placement.Segment(extent: 6)
    let (z, dt) = (Placement.Segment(name: "z", extent: 8), Placement.Segment(name: "dt", extent: 4))
    let here = "layers.{layer}"
    try builder.declare("\(here).qkv", key: "layers.qkv", [12, 5], split(0, [.init(extent: 12, unit: 3)]), layer)
    try builder.declare("\(here).fc1", key: "\(here).fc1", [12, 5], split(0, [gate, gate]), layer)
    try builder.declare("\(here).in_proj", key: "\(here).in_proj", [12, 5], split(0, [z, dt]), layer)
    try builder.declare("\(here).fc2", key: "layers.fc2", [5, 6], split(1, [.init(extent: 6)]), layer)
    try builder.declare("\(here).norm", key: "layers.norm", [7], Placement(stage: .layer(layer.index)), layer)
    for index in 0..<4 {
      let expert = Placement(stage: .layer(layer.index), expert: .init(index: index, count: 4))
      try builder.declare("\(here).experts.w{expert}", key: "layers.experts.experts.w", [3, 5], expert, layer)
    }
    try builder.stateEntry(StateEntryDeclaration(component: 0, key: "layers.fc2._extra_state", layer: layer, expert: nil))
  }

  func layout(_ request: ClusterLayout.SingleRequest) throws -> ModelLayout {
    try ModelLayout(
      description, components: [(name: "language", prefix: "")], cluster: .single(request), padVocabulary: false)
  }

  /// Its sources, one after the other in one file.
  func whole(_ dtype: DType) -> [WholeTensor] {
    var offset: UInt64 = 0
    return description.sources.map { source in
      let tensor = WholeTensor(name: source.name, dtype: dtype, shape: source.shape, file: 0, offset: offset)
      offset += UInt64(tensor.byteCount)
      return tensor
    }
  }
}

extension ModelBuilder {
  /// A target that is a source of the same name.
  @discardableResult
  fileprivate mutating func declare(
    _ name: String, key: String = "", _ shape: DimVector, _ placement: Placement, _ layer: AxisPosition? = nil
  ) throws -> Int {
    let origin = Template.fill(name, layer: layer?.index, expert: placement.expert?.index)
    let node = try source(origin, shape: GlobalShape(shape), published: nil)
    return try target(
      component: 0, name: name, key: key, node: node, kind: .parameter, dtype: nil, placement: placement, layer: layer,
      isVocabulary: name == "embedding")
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
