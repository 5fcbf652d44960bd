import MimoSystem
import MimoTensor

/// A tensor of the mapping graph: its shape, and the fragments that it is made of.
///
/// Operations answer a new node; shapes are checked by `ModelBuilder` before they are called.
struct Node: Sendable {
  var shape: GlobalShape
  var fragments: [Fragment]

  /// All of a source.
  init(source: Int, shape: GlobalShape) {
    self.shape = shape
    fragments = [
      Fragment(region: Region(whole: shape), source: source, base: 0, strides: rowMajorStrides(shape.dims))
    ]
  }

  /// Zeros that no source has a part in.
  init(zeros shape: GlobalShape) {
    self.shape = shape
    guard shape.dims.allSatisfy({ $0 > 0 }) else {
      fragments = []
      return
    }
    let still = DimVector(repeating: 0, count: shape.rank)
    fragments = [Fragment(region: Region(whole: shape), source: nil, base: 0, strides: still)]
  }

  private init(shape: GlobalShape, fragments: [Fragment]) {
    self.shape = shape
    self.fragments = fragments
  }

  static func concat(_ nodes: [Node], dim: Int) -> Node {
    var shape = nodes[0].shape
    shape.dims[dim] = nodes.reduce(0) { $0 + $1.shape.dims[dim] }
    var fragments: [Fragment] = []
    fragments.reserveCapacity(nodes.reduce(0) { $0 + $1.fragments.count })
    var start = 0
    for node in nodes {
      for var fragment in node.fragments {
        fragment.region.offset[dim] += start
        fragments.append(fragment)
      }
      start += node.shape.dims[dim]
    }
    return Node(shape: shape, fragments: fragments)
  }

  func narrowed(dim: Int, start: Int, length: Int) -> Node {
    var box = Region(whole: shape)
    box.offset[dim] = start
    box.extent[dim] = length
    var narrowed = shape
    narrowed.dims[dim] = length
    let kept = fragments.compactMap { fragment -> Fragment? in
      guard var part = fragment.clipped(to: box) else { return nil }
      part.region.offset[dim] -= start
      return part
    }
    return Node(shape: narrowed, fragments: kept)
  }

  /// Dimension `i` of the result is dimension `order[i]` of this node.
  func permuted(_ order: [Int]) -> Node {
    func reorder(_ v: DimVector) -> DimVector {
      var result = DimVector()
      for dim in order { result.append(v[dim]) }
      return result
    }
    let moved = fragments.map { fragment in
      Fragment(
        region: Region(offset: reorder(fragment.region.offset), extent: reorder(fragment.region.extent)),
        source: fragment.source, base: fragment.base, strides: reorder(fragment.strides), kernel: fragment.kernel)
    }
    return Node(shape: GlobalShape(reorder(shape.dims)), fragments: moved)
  }

  /// Zeros at the end of `dim` until it has `extent`.
  func padded(dim: Int, to extent: Int) -> Node {
    var result = self
    var box = Region(whole: shape)
    box.offset[dim] = shape.dims[dim]
    box.extent[dim] = extent - shape.dims[dim]
    result.shape.dims[dim] = extent
    if box.extent[dim] > 0 {
      result.fragments.append(
        Fragment(region: box, source: nil, base: 0, strides: DimVector(repeating: 0, count: shape.rank)))
    }
    return result
  }

  func mapped(_ kernel: ElementKernel) -> Node {
    var result = self
    for i in result.fragments.indices where result.fragments[i].source != nil { result.fragments[i].kernel = kernel }
    return result
  }

  /// The same elements in row-major order under another shape of the same size.
  func reshaped(_ target: GlobalShape) throws(MimoError) -> Node {
    if shape == target { return self }
    let groups = ReshapeGroup.matching(shape.dims, target.dims)
    var result: [Fragment] = []
    result.reserveCapacity(fragments.count)
    for fragment in fragments {
      ReshapeGroup.apply(groups, to: fragment, from: shape.dims, to: target.dims, into: &result)
      guard result.count <= Node.fragmentLimit else {
        throw MimoError(
          .plugin, "a reshape of \(shape) to \(target) falls into more than \(Node.fragmentLimit) pieces",
          remedy: "Reshape before the dims are permuted")
      }
    }
    return Node(shape: target, fragments: result)
  }

  /// A bound on memory, far above what real models need (a few hundred).
  static let fragmentLimit = 1 << 20
}
