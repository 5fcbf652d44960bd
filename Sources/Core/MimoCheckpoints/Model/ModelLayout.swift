import MimoMapping
import MimoParallel
import MimoSystem
import MimoTensor

/// One model in one parallel layout: for each target which component, pipeline stage and ranks hold it, and in what pieces.
package struct ModelLayout: Sendable {
  /// A component with the prefix of its names and its ranks.
  package struct Component: Sendable {
    package var name: String
    /// What stands before its names: `language_model.`, or nothing.
    package var prefix: String
    package var site: ShardingSite
    package var grid: RankGrid { site.grid }
  }

  /// The description, its vocabulary padded where the user asked for it.
  package let description: ModelDescription
  package let components: [Component]
  package let cluster: ClusterLayout
  /// Parallel to the description's targets.
  package internal(set) var shardings: [Sharding]

  /// - Parameters:
  ///   - components: name and prefix of the plugin's components, in its order.
  ///   - padVocabulary: add zero rows where tp does not divide the vocabulary evenly, as `should_pad_vocab` does.
  package init(
    _ description: consuming ModelDescription, components named: [(name: String, prefix: String)], cluster: ClusterLayout,
    padVocabulary: Bool
  ) throws(MimoError) {
    try ModelLayout.checkExperts(of: description, in: cluster)
    var components: [Component] = []
    for (index, component) in named.enumerated() {
      let grid = try cluster.component(named: component.name).grid
      let layers = ModelLayout.layerCount(of: index, in: description)
      let pipeline =
        try layers.map { count throws(MimoError) in try PipelineSplit(layers: count, layout: grid.layout, of: component.name) }
      components.append(
        Component(
          name: component.name, prefix: component.prefix, site: ShardingSite(grid: grid, pipeline: pipeline)))
    }
    let divisor = description.vocabularyDivisor
    var adjusted = description
    var shardings: [Sharding] = []
    shardings.reserveCapacity(adjusted.targets.count)
    for index in adjusted.targets.indices {
      let component = components[adjusted.targets[index].component]
      if adjusted.targets[index].isVocabulary {
        try adjusted.targets[index].padVocabulary(
          tp: component.grid.layout.tp, divisor: divisor, asked: padVocabulary)
      }
      shardings.append(
        try Sharding(
          of: adjusted.targets[index].globalName, shape: adjusted.targets[index].shape,
          placement: adjusted.targets[index].placement, at: component.site))
    }
    self.description = adjusted
    self.components = components
    self.cluster = cluster
    self.shardings = shardings
  }

  /// Refuses ranks for experts that a model does not have. Source: Megatron-Core, `num_moe_experts must be non None to use
  /// expert-parallel`.
  private static func checkExperts(of description: ModelDescription, in cluster: ClusterLayout) throws(MimoError) {
    guard let ep = cluster.components.map(\.layout.ep).max(), ep > 1 else { return }
    guard !description.targets.contains(where: { $0.expert != nil }) else { return }
    throw MimoError(.layout, "ep=\(ep) spreads experts, but the model has none", remedy: "Leave ep out")
  }

  /// The number of pipelined layers of a component; nil when none of its targets belongs to a layer.
  private static func layerCount(of component: Int, in description: ModelDescription) -> Int? {
    for target in description.targets where target.component == component {
      if case .layer = target.placement.stage { return target.layer?.count }
    }
    return nil
  }

  /// The name that a rank's module has for a target: layers from 0 on each stage, experts from 0 on each ep rank.
  package func localName(_ target: Int) -> String {
    let declaration = description.targets[target]
    return components[declaration.component].prefix
      + Template.fill(
        declaration.name, layer: shardings[target].localLayer ?? declaration.layer?.index,
        expert: shardings[target].localExpert)
  }

  /// The target's name over all ranks, with global numbers.
  package func globalName(_ target: Int) -> String {
    let declaration = description.targets[target]
    return components[declaration.component].prefix + declaration.globalName
  }
}

extension ModelDescription {
  /// What the trainer's provider pads vocabularies to multiples of; nil where the family does not say.
  fileprivate var vocabularyDivisor: Int? {
    let field = providerFields.last { $0.path == "make_vocab_size_divisible_by" }
    if case .int(let divisor) = field?.value { return divisor }
    return nil
  }
}

extension TargetDeclaration {
  /// Gives dim 0 the rows that the layout needs; rows that the vocabulary has not are zero.
  fileprivate mutating func padVocabulary(tp: Int, divisor: Int?, asked: Bool) throws(MimoError) {
    let rows = try VocabularyPadding.rows(shape.dims[0], tp: tp, divisor: divisor, pad: asked, tensor: globalName)
    resizeVocabulary(to: rows)
  }
}
