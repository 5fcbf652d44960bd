import PluginABI

/// A part of the model: where its tensors are in the checkpoint, in the module, and in a distributed checkpoint.
///
/// The three prefixes grow together as one walks down: `layer.part("self_attention", from: "self_attn")`.
package struct Part {
  package let model: Model
  /// Index into the plugin's components.
  package var component: UInt32
  /// Prefix in the Hugging Face checkpoint, with its dot.
  package var source: String
  /// Prefix in the module, with its dot.
  package var name: String
  /// Prefix in a distributed checkpoint, with its dot.
  package var key: String
  package var stage: Stage
  /// Which entry of a repeated part this is, and of how many; -1 and 0 outside of one.
  package var index = -1
  package var count = 0
  /// Where it is in layout prime; nil in Megatron's.
  var prime: PrimePlace?

  package init(
    _ model: Model, component: UInt32, source: String, stage: Stage, layout: Layout = .megatron, prime: String? = nil
  ) {
    self.model = model
    self.component = component
    self.source = source
    self.stage = stage
    name = ""
    key = ""
    if layout == .prime { self.prime = PrimePlace(prefix: prime ?? source) }
  }

  /// A part below. `key` is given where a distributed checkpoint names it differently, `prime` where prime-rl's layout
  /// has another name than the checkpoint.
  package func part(_ name: String, key: String? = nil, from source: String, prime: String? = nil) -> Part {
    var below = self
    below.name += name + "."
    below.key += (key ?? name) + "."
    below.source += source + "."
    below.prime?.prefix += (prime ?? source) + "."
    return below
  }

  /// The same part with another prefix in the checkpoint.
  package func reading(_ source: String) -> Part {
    var copy = self
    copy.source = source
    copy.prime?.prefix = source
    return copy
  }

  package func on(_ stage: Stage) -> Part {
    var copy = self
    copy.stage = stage
    return copy
  }

  /// Entry `index` of `count` repeated parts. `stacked`: a distributed checkpoint has one tensor for all of them.
  package func entry(
    _ name: String, from source: String, _ index: Int, of count: Int, stacked: Bool, stage: Stage? = nil
  ) -> Part {
    var below = part("\(name).{layer}", key: stacked ? name : "\(name).{layer}", from: "\(source).\(index)")
    below.index = index
    below.count = count
    if let stage { below.stage = stage }
    return below
  }

  /// A tensor of the checkpoint, below this part's prefix.
  package func read(_ name: String, _ shape: [Int], published: DType = .model) throws(Refusal) -> Node {
    let node = try model.source(source + name, shape, published: published)
    if isPrime { try keep(node, as: name) }
    return node
  }

  /// A stack of matrices' rows: several tensors of the checkpoint, one below the other.
  package func read(rowsOf parts: [(name: String, rows: Int)], columns: Int) throws(Refusal) -> Node {
    var nodes: [Node] = []
    for part in parts { nodes.append(try read(part.name, [part.rows, columns])) }
    return try model.concat(nodes)
  }

  /// The module's entry without weights, which loaders ask for.
  package func extraState(_ module: String) throws(Refusal) {
    try extraState(key: key + module, expert: -1, of: 0)
  }

  func extraState(key: String, expert: Int, of experts: Int) throws(Refusal) {
    guard !isPrime else { return }
    let status = (key + "._extra_state").lend { view in
      var entry = mimo_state_entry(
        struct_size: UInt32(MemoryLayout<mimo_state_entry>.size), component: component, key: view,
        layer: Int64(index), layer_count: Int64(count), expert: Int64(expert), expert_count: Int64(experts))
      return model.host.pointee.state_entry(model.builder, &entry)
    }
    try model.check(status)
  }
}
