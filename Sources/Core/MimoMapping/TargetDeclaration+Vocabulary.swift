import MimoParallel
import MimoTensor

extension TargetDeclaration {
  /// Gives dim 0 `rows` rows, at least as many as it has; new ones are zero.
  package mutating func resizeVocabulary(to rows: Int) {
    let extra = rows - shape.dims[0]
    guard extra > 0 else { return }
    var box = Region(whole: shape)
    box.offset[0] = shape.dims[0]
    box.extent[0] = extra
    fragments.append(Fragment(region: box, source: nil, base: 0, strides: DimVector(repeating: 0, count: shape.rank)))
    shape.dims[0] = rows
    if placement.splitDim == 0, placement.segments.count == 1 { placement.segments[0].extent = rows }
  }

  /// Pads a vocabulary to `rows` rows, whatever it was padded to.
  package mutating func repadVocabulary(to rows: Int) {
    fragments.removeAll { $0.source == nil }
    let own = fragments.map { $0.region.offset[0] + $0.region.extent[0] }.max() ?? 0
    shape.dims[0] = own
    if placement.splitDim == 0, placement.segments.count == 1 { placement.segments[0].extent = own }
    resizeVocabulary(to: rows)
  }
}
