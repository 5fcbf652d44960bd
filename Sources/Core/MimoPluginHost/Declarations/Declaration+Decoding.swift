import MimoMapping
import MimoParallel
import MimoSystem
import MimoTensor

extension Declaration {
  init(from wire: inout WireReader) throws(MimoError) {
    let byte = try wire.byte()
    guard let tag = Tag(rawValue: byte) else { throw wire.unreadable("declaration of the unknown kind \(byte)") }
    switch tag {
    case .source: self = .source(try wire.name(), try wire.shape(), published: try wire.dtype())
    case .decode: self = .decode(try wire.name(), try wire.shape(), try wire.encoding())
    case .concat: self = .concat(try wire.list { (wire) throws(MimoError) in try wire.int() }, dim: try wire.int())
    case .narrow:
      self = .narrow(try wire.int(), dim: try wire.int(), start: try wire.int(), length: try wire.int())
    case .reshape: self = .reshape(try wire.int(), try wire.shape())
    case .permute: self = .permute(try wire.int(), order: try wire.list { (wire) throws(MimoError) in try wire.int() })
    case .pad: self = .pad(try wire.int(), dim: try wire.int(), extent: try wire.int())
    case .map: self = .map(try wire.int(), try wire.kernel())
    case .zeros: self = .zeros(try wire.shape())
    case .target: self = .target(try wire.target())
    case .alias: self = .alias(of: try wire.int(), name: try wire.name())
    case .stateEntry:
      self = .stateEntry(
        StateEntryDeclaration(
          component: try wire.int(), key: try wire.name(), layer: try wire.optionalPosition(),
          expert: try wire.optionalPosition()))
    case .drop: self = .drop(DropRule(pattern: try wire.name(), reason: try wire.name()))
    case .tie: self = .tie(Tie(duplicate: try wire.name(), original: try wire.name()))
    case .provider: self = .provider(try wire.name())
    case .providerField:
      self = .providerField(ProviderField(path: try wire.name(), value: try wire.field(mayRemove: false)))
    case .configOverride:
      self = .configOverride(
        ConfigOverride(path: try wire.name(), value: try wire.field(mayRemove: true), reason: try wire.name()))
    }
  }
}

extension WireReader {
  fileprivate mutating func dtype() throws(MimoError) -> DType? {
    let number = try byte()
    guard let dtype = BoundaryDType.named(UInt32(number)) else { throw unreadable("the unknown dtype \(number)") }
    return dtype
  }

  fileprivate mutating func encoding() throws(MimoError) -> Encoding {
    let form: Encoding.Form
    switch try byte() {
    case 0: form = .mxfp4
    case 1: form = .fp8Block(rows: try int(), columns: try int())
    default: throw unreadable("an unknown encoding")
    }
    return Encoding(form, codes: try name(), scales: try name())
  }

  fileprivate mutating func kernel() throws(MimoError) -> ElementKernel {
    switch try byte() {
    case 0:
      let value = try double()
      guard value.isFinite else { throw unreadable("a kernel with the value \(value)") }
      return .add(value)
    case 1: return .subtractMinimum
    default: throw unreadable("an unknown kernel")
    }
  }

  private mutating func position() throws(MimoError) -> AxisPosition {
    let position = AxisPosition(index: try int(), count: try int())
    guard position.index >= 0, position.index < position.count, position.count <= DescribeHost.longestAxis else {
      throw unreadable("number \(position.index) of \(position.count)")
    }
    return position
  }

  fileprivate mutating func optionalPosition() throws(MimoError) -> AxisPosition? {
    try flag() ? try position() : nil
  }

  fileprivate mutating func target() throws(MimoError) -> Declaration.Target {
    let (component, name, key, node) = (try int(), try name(), try text(), try int())
    let kind = try flag() ? TargetDeclaration.Kind.buffer : .parameter
    return Declaration.Target(
      component: component, name: name, key: key, node: node, kind: kind, dtype: try dtype(),
      isVocabulary: try flag(), layer: try optionalPosition(), placement: try placement())
  }

  private mutating func placement() throws(MimoError) -> Placement {
    let stage: Placement.Stage
    switch try byte() {
    case 0: stage = .first
    case 1: stage = .last
    case 2: stage = .layer(try int())
    default: throw unreadable("an unknown stage")
    }
    let expert = try optionalPosition().map { Placement.Expert(index: $0.index, count: $0.count) }
    let split: Placement.Split
    switch try byte() {
    case 0: return Placement(stage: stage, expert: expert)
    case 1: split = .tp(dim: try int())
    case 2: split = .etp(dim: try int())
    default: throw unreadable("an unknown split")
    }
    let segments = try list { (wire) throws(MimoError) in try wire.segment() }
    guard !segments.isEmpty else { throw unreadable("a split without segments") }
    return Placement(stage: stage, expert: expert, split: split, segments: segments)
  }

  private mutating func segment() throws(MimoError) -> Placement.Segment {
    Placement.Segment(
      name: try text(), extent: try int(), unit: try int(), unitName: try text(), ranksMayShareUnits: try flag())
  }

  fileprivate mutating func field(mayRemove: Bool) throws(MimoError) -> ConfigField {
    switch try byte() {
    case 0: return .null
    case 1: return .bool(try flag())
    case 2: return .int(try int())
    case 3: return .float(try double())
    case 4: return .string(try text())
    case 5: return .ints(try list { (wire) throws(MimoError) in try wire.int() })
    case 6: return .config(try text())
    case 7: return .target(try text())
    case 8: return .name(try text())
    case 9 where mayRemove: return .remove
    default: throw unreadable("a value of an unknown kind")
    }
  }
}
