import MimoMapping
import MimoParallel
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

  /// The key of one segment of a target (0 for a target that is not split), in the form that the plugin declares.
  package init(_ target: TargetDeclaration, segment: Int, prefix: String) {
    self.init(target, Variant(), segment: segment, prefix: prefix)
  }

  /// The key of one segment of a target in one of the forms that checkpoints have.
  package init(_ target: TargetDeclaration, _ variant: Variant, segment: Int, prefix: String) {
    let template = variant.key ?? target.key
    let layer = target.layer.flatMap { Template.has(Template.layer, in: template) ? nil : $0 }
    let expert = target.expert.flatMap { Template.has(Template.expert, in: template) ? nil : $0 }
    var key = prefix + Template.fill(template, layer: target.layer?.index, expert: target.expert?.index)
    var dims = target.shape.dims
    segmentStart = 0
    splitDim = target.placement.splitDim
    if let dim = splitDim, let suffix = variant.suffix(target.placement.segments, segment) {
      key += suffix
      dims[dim] = target.placement.segments[segment].extent
      for earlier in target.placement.segments[..<segment] { segmentStart += earlier.extent }
    }
    key += target.ending
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

  /// A region of the target as a region of the stored tensor.
  package func stored(_ region: Region) -> Region { place.stored(region) }

  /// Where in the stored tensor the target's part lies.
  package var place: Place { Place(lead: lead, segmentStart: splitDim == nil ? 0 : segmentStart, splitDim: splitDim) }

  /// The place of a target in a stored tensor, without the tensor's name and shape.
  package struct Place: Sendable, Hashable {
    package var lead: DimVector
    package var segmentStart: Int
    package var splitDim: Int?

    package func stored(_ region: Region) -> Region {
      var result = region
      if let splitDim { result.offset[splitDim] -= segmentStart }
      for index in lead.reversed() {
        result.offset.insert(index, at: 0)
        result.extent.insert(1, at: 0)
      }
      return result
    }
  }

  /// A region of the stored tensor as a region of the target; nil when it lies in other layers, experts or outside.
  package func target(_ region: Region) -> Region? {
    var result = region
    guard result.rank > lead.count || lead.isEmpty else { return nil }
    for index in lead {
      guard result.offset[0] <= index, index < result.offset[0] + result.extent[0] else { return nil }
      result.offset.remove(at: 0)
      result.extent.remove(at: 0)
    }
    if let splitDim { result.offset[splitDim] += segmentStart }
    return result
  }
}
