import MimoMapping
import MimoTensor

/// Where a piece of a target lies in a distributed checkpoint: key, shape of the whole stored tensor, leading axes.
///
/// A placeholder that the module name has and the key has not is a leading axis (layer, then expert); a named segment has
/// a key of its own. Source: `../docs/formats.md`, megatron-core `sharded_state_dict`.
package struct DistKey: Sendable, Hashable {
  package var key: String
  package var shape: GlobalShape
  /// Index along each leading axis.
  package var lead: DimVector
  /// What to subtract along the split dim: where the segment starts in the target.
  package var segmentStart: Int
  package var splitDim: Int?

  /// The key of one segment of a target (0 for a target that is not split).
  package init(_ target: TargetDeclaration, segment: Int, prefix: String) {
    let (layer, expert) = DistKey.leadingAxes(target)
    var key = prefix + Template.fill(target.key, layer: target.layer?.index, expert: target.expert?.index)
    var dims = target.shape.dims
    segmentStart = 0
    splitDim = target.placement.splitDim
    if let dim = splitDim, !target.placement.segments[segment].name.isEmpty {
      key += "." + target.placement.segments[segment].name
      dims[dim] = target.placement.segments[segment].extent
      for earlier in target.placement.segments[..<segment] { segmentStart += earlier.extent }
    }
    lead = []
    if let expert {
      lead.insert(expert.index, at: 0)
      dims.insert(expert.count, at: 0)
    }
    if let layer {
      lead.insert(layer.index, at: 0)
      dims.insert(layer.count, at: 0)
    }
    self.key = key
    shape = GlobalShape(dims)
  }

  /// The axes that stand before a target's own dims in the stored tensor.
  package static func leadingAxes(_ target: TargetDeclaration) -> (layer: AxisPosition?, expert: AxisPosition?) {
    let layer = target.layer.flatMap { Template.has(Template.layer, in: target.key) ? nil : $0 }
    let expert = target.expert.flatMap { Template.has(Template.expert, in: target.key) ? nil : $0 }
    return (layer, expert)
  }

  /// A region of the target as a region of the stored tensor.
  package func stored(_ region: Region) -> Region {
    var result = region
    if let splitDim { result.offset[splitDim] -= segmentStart }
    for index in lead.reversed() {
      result.offset.insert(index, at: 0)
      result.extent.insert(1, at: 0)
    }
    return result
  }

  /// A region of the stored tensor as a region of the target; nil when it lies in other layers, experts or outside.
  package func target(_ region: Region) -> Region? {
    var result = region
    for index in lead {
      guard result.offset[0] <= index, index < result.offset[0] + result.extent[0] else { return nil }
      result.offset.remove(at: 0)
      result.extent.remove(at: 0)
    }
    if let splitDim { result.offset[splitDim] += segmentStart }
    return result
  }
}
