import MimoMapping
import MimoParallel
import MimoSystem
import MimoTensor

/// One call with which a plugin declares something, as it travels from the plugin's process to the host.
///
/// Nodes and targets are counted, each from 0, in the order in which they are declared.
package enum Declaration: Sendable {
  case source(String, GlobalShape, published: DType?)
  case decode(String, GlobalShape, Encoding)
  case concat([Int], dim: Int)
  case narrow(Int, dim: Int, start: Int, length: Int)
  case reshape(Int, GlobalShape)
  case permute(Int, order: [Int])
  case pad(Int, dim: Int, extent: Int)
  case map(Int, ElementKernel)
  case zeros(GlobalShape)
  case target(Target)
  case alias(of: Int, name: String)
  case stateEntry(StateEntryDeclaration)
  case drop(DropRule)
  case tie(Tie)
  case provider(String)
  case providerField(ProviderField)
  case configOverride(ConfigOverride)

  /// A tensor of the layout, made of a node.
  package struct Target: Sendable {
    var component: Int
    var name: String
    var key: String
    var node: Int
    var kind: TargetDeclaration.Kind
    var dtype: DType?
    var isVocabulary: Bool
    var layer: AxisPosition?
    var placement: Placement
  }
}

extension Declaration {
  /// Carries it out, all checks included.
  func apply(to builder: inout ModelBuilder) throws(MimoError) {
    switch self {
    case .source(let name, let shape, let published):
      _ = try builder.source(name, shape: shape, published: published)
    case .decode(let name, let shape, let encoding): _ = try builder.decode(name, shape: shape, encoding)
    case .concat(let nodes, let dim): _ = try builder.concat(nodes, dim: dim)
    case .narrow(let node, let dim, let start, let length):
      _ = try builder.narrow(node, dim: dim, start: start, length: length)
    case .reshape(let node, let shape): _ = try builder.reshape(node, to: shape)
    case .permute(let node, let order): _ = try builder.permute(node, order: order)
    case .pad(let node, let dim, let extent): _ = try builder.pad(node, dim: dim, to: extent)
    case .map(let node, let kernel): _ = try builder.map(node, kernel: kernel)
    case .zeros(let shape): _ = try builder.zeros(shape)
    case .target(let target):
      _ = try builder.target(
        component: target.component, name: target.name, key: target.key, node: target.node, kind: target.kind,
        dtype: target.dtype, placement: target.placement, layer: target.layer, isVocabulary: target.isVocabulary)
    case .alias(let target, let name): try builder.alias(of: target, name: name)
    case .stateEntry(let entry): try builder.stateEntry(entry)
    case .drop(let rule): try builder.drop(pattern: rule.pattern, reason: rule.reason)
    case .tie(let tie): try builder.tie(duplicate: tie.duplicate, original: tie.original)
    case .provider(let classPath): builder.provider(classPath)
    case .providerField(let field): builder.providerField(field)
    case .configOverride(let override): builder.configOverride(override)
    }
  }
}
