import MimoMapping
import MimoParallel
import MimoTensor

extension Declaration {
  /// The first byte of each kind.
  enum Tag: UInt8 {
    case source, decode, concat, narrow, reshape, permute, pad, map, zeros, target, alias, stateEntry, drop, tie
    case provider, providerField, configOverride
  }

  func write(to wire: inout WireWriter) {
    wire.byte(tag.rawValue)
    switch self {
    case .source(let name, let shape, let published):
      wire.text(name)
      wire.shape(shape)
      wire.dtype(published)
    case .decode(let name, let shape, let encoding):
      wire.text(name)
      wire.shape(shape)
      wire.encoding(encoding)
    case .concat(let nodes, let dim):
      wire.list(nodes) { $0.int($1) }
      wire.int(dim)
    case .narrow(let node, let dim, let start, let length): for n in [node, dim, start, length] { wire.int(n) }
    case .reshape(let node, let shape):
      wire.int(node)
      wire.shape(shape)
    case .permute(let node, let order):
      wire.int(node)
      wire.list(order) { $0.int($1) }
    case .pad(let node, let dim, let extent): for n in [node, dim, extent] { wire.int(n) }
    case .map(let node, let kernel):
      wire.int(node)
      wire.kernel(kernel)
    case .zeros(let shape): wire.shape(shape)
    case .target(let target): wire.target(target)
    case .alias(let target, let name):
      wire.int(target)
      wire.text(name)
    case .stateEntry(let entry):
      wire.int(entry.component)
      wire.text(entry.key)
      wire.optional(entry.layer) { $0.position($1) }
      wire.optional(entry.expert) { $0.position($1) }
    case .drop(let rule): for text in [rule.pattern, rule.reason] { wire.text(text) }
    case .tie(let tie): for text in [tie.duplicate, tie.original] { wire.text(text) }
    case .provider(let classPath): wire.text(classPath)
    case .providerField(let field):
      wire.text(field.path)
      wire.field(field.value)
    case .configOverride(let override):
      wire.text(override.path)
      wire.field(override.value)
      wire.text(override.reason)
    }
  }

  private var tag: Tag {
    switch self {
    case .source: .source
    case .decode: .decode
    case .concat: .concat
    case .narrow: .narrow
    case .reshape: .reshape
    case .permute: .permute
    case .pad: .pad
    case .map: .map
    case .zeros: .zeros
    case .target: .target
    case .alias: .alias
    case .stateEntry: .stateEntry
    case .drop: .drop
    case .tie: .tie
    case .provider: .provider
    case .providerField: .providerField
    case .configOverride: .configOverride
    }
  }
}

extension WireWriter {
  /// The contract's number; 0 for the model's own dtype.
  fileprivate mutating func dtype(_ dtype: DType?) { byte(BoundaryDType.number(of: dtype)) }

  fileprivate mutating func encoding(_ encoding: Encoding) {
    switch encoding.form {
    case .mxfp4: byte(0)
    case .fp8Block(let rows, let columns):
      byte(1)
      int(rows)
      int(columns)
    }
    text(encoding.codes)
    text(encoding.scales)
  }

  fileprivate mutating func kernel(_ kernel: ElementKernel) {
    switch kernel {
    case .add(let value):
      byte(0)
      double(value)
    case .subtractMinimum: byte(1)
    }
  }

  fileprivate mutating func position(_ position: AxisPosition) {
    int(position.index)
    int(position.count)
  }

  fileprivate mutating func target(_ target: Declaration.Target) {
    int(target.component)
    text(target.name)
    text(target.key)
    int(target.node)
    flag(target.kind == .buffer)
    dtype(target.dtype)
    flag(target.isVocabulary)
    optional(target.layer) { $0.position($1) }
    placement(target.placement)
  }

  private mutating func placement(_ placement: Placement) {
    switch placement.stage {
    case .first: byte(0)
    case .last: byte(1)
    case .layer(let layer):
      byte(2)
      int(layer)
    }
    optional(placement.expert) { $0.position(AxisPosition(index: $1.index, count: $1.count)) }
    switch placement.split {
    case .none: return byte(0)
    case .tp(let dim):
      byte(1)
      int(dim)
    case .etp(let dim):
      byte(2)
      int(dim)
    }
    list(placement.segments) { wire, segment in
      wire.text(segment.name)
      wire.int(segment.extent)
      wire.int(segment.unit)
      wire.text(segment.unitName)
      wire.flag(segment.ranksMayShareUnits)
    }
  }

  fileprivate mutating func field(_ field: ConfigField) {
    switch field {
    case .null: byte(0)
    case .bool(let value):
      byte(1)
      flag(value)
    case .int(let value):
      byte(2)
      int(value)
    case .float(let value):
      byte(3)
      double(value)
    case .string(let value):
      byte(4)
      text(value)
    case .ints(let values):
      byte(5)
      list(values) { $0.int($1) }
    case .config(let path):
      byte(6)
      text(path)
    case .target(let name):
      byte(7)
      text(name)
    case .name(let name):
      byte(8)
      text(name)
    case .remove: byte(9)
    }
  }
}
