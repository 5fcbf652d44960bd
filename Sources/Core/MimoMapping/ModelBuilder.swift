import MimoParallel
import MimoSystem
import MimoTensor

/// Collects what a plugin declares, and refuses at once what can not be right.
///
/// Node and target ids are indices. Errors name the plugin's own tensors; the code is always `.plugin`.
package struct ModelBuilder: Sendable {
  package typealias NodeID = Int

  private(set) var description = ModelDescription()
  private var nodes: [Node] = []
  private var sourceIndex: [String: Int] = [:]
  /// Which source a stored tensor belongs to.
  private var owners: [String: Int] = [:]
  /// Global names by component.
  private var targetNames: [Set<String>]
  private let components: [String]

  /// - Parameter components: names of the plugin's components, in its order.
  package init(components: [String]) {
    self.components = components
    targetNames = Array(repeating: [], count: components.count)
  }

  // MARK: Graph

  /// A tensor of the Hugging Face checkpoint. Asking again for the same name and shape answers the same tensor.
  package mutating func source(
    _ name: String, shape: GlobalShape, published: DType?
  ) throws(MimoError) -> NodeID {
    try declare(SourceDeclaration(name: name, shape: shape, published: published))
  }

  /// A tensor that the checkpoint holds as codes and scales, decoded to the model's dtype.
  package mutating func decode(_ name: String, shape: GlobalShape, _ encoding: Encoding) throws(MimoError) -> NodeID {
    guard !encoding.codes.isEmpty, !encoding.scales.isEmpty, encoding.codes != encoding.scales else {
      throw wrong("codes and scales need a name each", tensor: name)
    }
    guard shape.elementCount != nil, encoding.form.fits(shape) else {
      throw wrong("\(shape) can not be stored as \(encoding.form.name)", tensor: name)
    }
    return try declare(SourceDeclaration(name: name, shape: shape, published: nil, encoding: encoding))
  }

  private mutating func declare(_ source: SourceDeclaration) throws(MimoError) -> NodeID {
    let (name, shape) = (source.name, source.shape)
    guard !name.isEmpty else { throw wrong("a source without a name") }
    guard shape.elementCount != nil, shape.dims.allSatisfy({ $0 > 0 }) else {
      throw wrong("source has the impossible shape \(shape)", tensor: name)
    }
    if let index = sourceIndex[name] {
      let known = description.sources[index]
      guard known.shape == shape else {
        throw wrong("declared as \(known.shape) and again as \(shape)", tensor: name)
      }
      guard known.encoding == source.encoding else { throw wrong("declared twice, stored differently", tensor: name) }
      return append(Node(source: index, shape: shape))
    }
    let index = description.sources.count
    for stored in source.storedNames {
      if let other = owners.updateValue(index, forKey: stored) {
        throw wrong("\(stored) belongs to \(description.sources[other].name) too", tensor: name)
      }
    }
    sourceIndex[name] = index
    description.sources.append(source)
    return append(Node(source: index, shape: shape))
  }

  package mutating func concat(_ ids: [NodeID], dim: Int) throws(MimoError) -> NodeID {
    guard let first = ids.first else { throw wrong("concat of no nodes") }
    let reference = try node(first).shape
    try check(dim: dim, of: reference, in: "concat")
    var parts: [Node] = []
    for id in ids {
      let part = try node(id)
      var shape = part.shape
      guard shape.rank == reference.rank else {
        throw wrong("concat of \(reference) and \(shape)\(origin(part))")
      }
      shape.dims[dim] = reference.dims[dim]
      guard shape == reference else {
        throw wrong("concat along dim \(dim) of \(reference) and \(part.shape)\(origin(part))")
      }
      parts.append(part)
    }
    var dims = reference.dims
    dims[dim] = saturatingSum(parts.lazy.map { $0.shape.dims[dim] })
    guard product(dims) != nil, saturatingSum(parts.lazy.map(\.fragments.count)) <= Node.fragmentLimit else {
      throw wrong("concat along dim \(dim) of \(parts.count) nodes is larger than any tensor\(origin(parts[0]))")
    }
    return append(Node.concat(parts, dim: dim))
  }

  package mutating func narrow(_ id: NodeID, dim: Int, start: Int, length: Int) throws(MimoError) -> NodeID {
    let input = try node(id)
    try check(dim: dim, of: input.shape, in: "narrow")
    guard start >= 0, length > 0, length <= input.shape.dims[dim], start <= input.shape.dims[dim] - length else {
      throw wrong("narrow to \(length) from \(start) on along dim \(dim) of \(input.shape)\(origin(input))")
    }
    return append(input.narrowed(dim: dim, start: start, length: length))
  }

  package mutating func reshape(_ id: NodeID, to shape: GlobalShape) throws(MimoError) -> NodeID {
    let input = try node(id)
    guard shape.dims.allSatisfy({ $0 > 0 }), let count = shape.elementCount, count == input.shape.elementCount else {
      throw wrong("reshape of \(input.shape) to \(shape)\(origin(input))")
    }
    return append(try input.reshaped(shape))
  }

  package mutating func permute(_ id: NodeID, order: [Int]) throws(MimoError) -> NodeID {
    let input = try node(id)
    guard order.sorted() == Array(0..<input.shape.rank) else {
      throw wrong("permute of \(input.shape) by \(order)\(origin(input))")
    }
    return append(input.permuted(order))
  }

  package mutating func pad(_ id: NodeID, dim: Int, to extent: Int) throws(MimoError) -> NodeID {
    let input = try node(id)
    try check(dim: dim, of: input.shape, in: "pad")
    var padded = input.shape
    padded.dims[dim] = extent
    guard extent >= input.shape.dims[dim], padded.elementCount != nil else {
      throw wrong("pad of dim \(dim) of \(input.shape) to \(extent)\(origin(input))")
    }
    return append(input.padded(dim: dim, to: extent))
  }

  package mutating func map(_ id: NodeID, kernel: ElementKernel) throws(MimoError) -> NodeID {
    let input = try node(id)
    guard input.fragments.allSatisfy({ $0.kernel == nil }) else {
      throw wrong("a second kernel on the same elements\(origin(input))")
    }
    if kernel == .subtractMinimum { try check(whole: input) }
    return append(input.mapped(kernel))
  }

  /// Zeros from no source; a dim may be 0.
  package mutating func zeros(_ shape: GlobalShape) throws(MimoError) -> NodeID {
    guard shape.elementCount != nil, shape.dims.allSatisfy({ $0 >= 0 }) else {
      throw wrong("zeros of the impossible shape \(shape)")
    }
    return append(Node(zeros: shape))
  }

  /// A minimum is that of one whole source, whatever becomes of it afterwards.
  private func check(whole node: Node) throws(MimoError) {
    guard node.fragments.count == 1, let source = node.fragments[0].source,
      description.sources[source].shape.elementCount == node.shape.elementCount
    else { throw wrong("the minimum is of one source as a whole\(origin(node))") }
  }

  package func shape(of id: NodeID) throws(MimoError) -> GlobalShape { try node(id).shape }

  // MARK: Layout

  /// Declares a target; `placement` is checked against the node's shape.
  package mutating func target(
    component: Int, name: String, key: String, node id: NodeID, kind: TargetDeclaration.Kind, dtype: DType?,
    placement: Placement, layer: AxisPosition?, isVocabulary: Bool
  ) throws(MimoError) -> Int {
    let input = try node(id)
    try check(component: component, of: name)
    let target = TargetDeclaration(
      component: component, name: name, key: key.isEmpty ? name : key, shape: input.shape, fragments: input.fragments,
      kind: kind, dtype: dtype, placement: placement, layer: layer, isVocabulary: isVocabulary)
    try check(target)
    let unique = target.globalName
    guard targetNames[component].insert(unique).inserted else { throw wrong("declared twice", tensor: unique) }
    description.targets.append(target)
    return description.targets.count - 1
  }

  package mutating func alias(of target: Int, name: String) throws(MimoError) {
    guard description.targets.indices.contains(target) else { throw wrong("alias \(name) of an unknown target") }
    guard description.targets[target].placement.stage == .first else {
      throw wrong("alias \(name) of a target that is not on the first stage")
    }
    description.aliases.append(AliasDeclaration(target: target, name: name))
  }

  package mutating func stateEntry(_ entry: StateEntryDeclaration) throws(MimoError) {
    try check(component: entry.component, of: entry.key)
    try check(entry.layer, "layer", of: entry.key)
    try check(entry.expert, "expert", of: entry.key)
    description.stateEntries.append(entry)
  }

  package mutating func drop(pattern: String, reason: String) throws(MimoError) {
    guard !pattern.isEmpty, !reason.isEmpty else { throw wrong("a drop rule needs a pattern and a reason") }
    description.drops.append(DropRule(pattern: pattern, reason: reason))
  }

  package mutating func tie(duplicate: String, original: String) throws(MimoError) {
    guard sourceIndex[original] != nil else { throw wrong("tied to an undeclared source \(original)", tensor: duplicate) }
    guard owners[duplicate] == nil else { throw wrong("tied and declared as a source of its own", tensor: duplicate) }
    description.ties.append(Tie(duplicate: duplicate, original: original))
  }

  package mutating func provider(_ classPath: String) { description.providerClass = classPath }
  package mutating func providerField(_ field: ProviderField) { description.providerFields.append(field) }
  package mutating func configOverride(_ override: ConfigOverride) { description.configOverrides.append(override) }

  /// The finished description.
  package consuming func finish() throws(MimoError) -> ModelDescription {
    guard !description.targets.isEmpty else { throw wrong("the plugin declared no target") }
    for tie in description.ties where sourceIndex[tie.duplicate] != nil {
      throw wrong("tied and declared as a source of its own", tensor: tie.duplicate)
    }
    return description
  }

  // MARK: Checks

  private mutating func append(_ node: Node) -> NodeID {
    nodes.append(node)
    return nodes.count - 1
  }

  private func node(_ id: NodeID) throws(MimoError) -> Node {
    guard nodes.indices.contains(id) else { throw wrong("node \(id) does not exist") }
    return nodes[id]
  }

  private func check(dim: Int, of shape: GlobalShape, in operation: String) throws(MimoError) {
    guard dim >= 0, dim < shape.rank else { throw wrong("\(operation) along dim \(dim) of \(shape)") }
  }

  private func check(component: Int, of name: String) throws(MimoError) {
    guard components.indices.contains(component) else {
      throw wrong("belongs to component \(component); the plugin has \(components.count)", tensor: name)
    }
    guard !name.isEmpty else { throw wrong("a target without a name") }
  }

  private func check(_ target: TargetDeclaration) throws(MimoError) {
    let placement = target.placement
    try check(target.layer, "layer", of: target.name)
    try check(target.expert, "expert", of: target.name)
    try check(Template.layer, target.layer, of: target)
    try check(Template.expert, target.expert, of: target)
    if case .layer(let layer) = placement.stage, layer != target.layer?.index {
      throw wrong("on the stage of layer \(layer), which its name does not say", tensor: target.name)
    }
    guard let dim = placement.splitDim else { return }
    guard dim >= 0, dim < target.shape.rank else {
      throw wrong("split along dim \(dim) of \(target.shape)", tensor: target.globalName)
    }
    let sound = placement.segments.allSatisfy { $0.extent > 0 && $0.unit > 0 && $0.extent % $0.unit == 0 }
    guard sound, saturatingSum(placement.segments.lazy.map(\.extent)) == target.shape.dims[dim] else {
      throw wrong("segments do not add up to dim \(dim) of \(target.shape)", tensor: target.globalName)
    }
  }

  private func check(_ placeholder: String, _ position: AxisPosition?, of target: TargetDeclaration)
    throws(MimoError)
  {
    let inName = Template.has(placeholder, in: target.name)
    let inKey = Template.has(placeholder, in: target.key)
    guard inName == (position != nil), inName || !inKey else {
      throw wrong("placeholder \(placeholder) and its number do not go together", tensor: target.name)
    }
  }

  private func check(_ position: AxisPosition?, _ what: String, of name: String) throws(MimoError) {
    guard let position else { return }
    guard position.index >= 0, position.index < position.count else {
      throw wrong("\(what) \(position.index) of \(position.count)", tensor: name)
    }
  }

  /// The first source that a node is made of, for messages.
  private func origin(_ node: Node) -> String {
    guard let source = node.fragments.lazy.compactMap(\.source).first else { return "" }
    return " (made of \(description.sources[source].name))"
  }

  private func wrong(_ message: String, tensor: String? = nil) -> MimoError {
    MimoError(.plugin, message, tensor: tensor, remedy: "This is a fault of the plugin")
  }
}
