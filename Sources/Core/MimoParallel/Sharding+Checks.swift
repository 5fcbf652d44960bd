import MimoSystem
import MimoTensor

extension Sharding {
  /// The pipeline stage of a placement, and the layer's number there.
  static func stage(
    _ placement: Placement, _ site: ShardingSite, _ tensor: () -> String
  ) throws(MimoError) -> (stage: Int, localLayer: Int?) {
    switch placement.stage {
    case .first: return (0, nil)
    case .last: return (site.grid.layout.pp - 1, nil)
    case .layer(let layer):
      guard let pipeline = site.pipeline, let stage = pipeline.stage(ofLayer: layer) else {
        throw MimoError(
          .plugin, "layer \(layer), but its component has \(site.pipeline?.layerCount ?? 0) layers", tensor: tensor())
      }
      return (stage, layer - pipeline.layers(ofStage: stage).lowerBound)
    }
  }

  /// The expert parallel rank of a placement, and the expert's number there.
  static func expert(
    _ placement: Placement, _ layout: ComponentLayout, _ tensor: () -> String
  ) throws(MimoError) -> (rank: Int?, local: Int?) {
    guard let expert = placement.expert else {
      if case .etp = placement.split {
        throw MimoError(.plugin, "split by etp, but it belongs to no expert", tensor: tensor())
      }
      return (nil, nil)
    }
    if case .tp = placement.split {
      throw MimoError(.plugin, "split by tp, but a routed expert is split by etp", tensor: tensor())
    }
    guard expert.count > 0, (0..<expert.count).contains(expert.index) else {
      throw MimoError(.plugin, "expert \(expert.index) of \(expert.count)", tensor: tensor())
    }
    guard expert.count % layout.ep == 0 else {
      let fitting = (1...min(expert.count, 4096)).filter { expert.count % $0 == 0 }
      throw MimoError(
        .layout, "ep=\(layout.ep) does not divide \(expert.count) experts of \(tensor())",
        remedy: "Use ep=\(oneOf(fitting))")
    }
    let share = expert.count / layout.ep
    return (expert.index / share, expert.index % share)
  }

  /// The segments fill the split dim with whole units.
  static func checkSegments(_ placement: Placement, _ shape: GlobalShape, _ tensor: () -> String) throws(MimoError) {
    let dim: Int
    switch placement.split {
    case .none:
      guard placement.segments.isEmpty else {
        throw MimoError(.plugin, "has segments, but no split", tensor: tensor())
      }
      return
    case .tp(let split), .etp(let split): dim = split
    }
    guard (0..<shape.rank).contains(dim) else {
      throw MimoError(.plugin, "split along dim \(dim) of shape \(shape)", tensor: tensor())
    }
    var sum = 0
    for segment in placement.segments {
      guard segment.extent > 0, segment.unit > 0, segment.extent % segment.unit == 0 else {
        throw MimoError(
          .plugin, "segment '\(segment.name)' of \(segment.extent) rows in units of \(segment.unit)", tensor: tensor())
      }
      let (next, overflow) = sum.addingReportingOverflow(segment.extent)
      guard !overflow else { throw MimoError(.plugin, "segments overflow", tensor: tensor()) }
      sum = next
    }
    guard sum == shape.dims[dim] else {
      throw MimoError(.plugin, "segments sum up to \(sum), dim \(dim) of \(shape) does not", tensor: tensor())
    }
  }
}

extension Placement {
  /// Each segment can be cut into `ways` equal parts without tearing a unit that must stay whole.
  func checkDivisible(by ways: Int, _ tensor: () -> String) throws(MimoError) {
    guard ways > 1 else { return }
    for segment in segments where !segment.divides(into: ways) {
      let axis = expert == nil ? "tp" : "etp"
      let fitting = powersOfTwo.filter { power in segments.allSatisfy { $0.divides(into: power) } }
      throw MimoError(
        .layout, "\(axis)=\(ways) does not divide \(segment.units) of \(tensor())",
        remedy: "Use \(axis)=\(oneOf(fitting))")
    }
  }

  private var powersOfTwo: [Int] { (0...12).map { 1 << $0 } }
}

extension Placement.Segment {
  /// Units make `ways` equal parts, or, where ranks may share one, each unit is cut into equal parts.
  ///
  /// Source: Megatron-LM, `TransformerConfig`: groups must be "a multiple or divisor of" tp; `Attention` gathers a group
  /// that is spread over several ranks.
  func divides(into ways: Int) -> Bool {
    let count = extent / unit
    if count % ways == 0 { return true }
    return ranksMayShareUnits && ways % count == 0 && extent % ways == 0
  }

  /// "2 key/value groups"
  fileprivate var units: String {
    let count = extent / unit
    let noun = unitName.isEmpty ? (unit == 1 ? "row" : "unit") : unitName
    return count == 1 ? "1 \(noun)" : "\(count) \(noun)s"
  }
}
