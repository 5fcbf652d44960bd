import MimoMapping
import MimoTensor

/// The target's elements, by walking its fragments; nil where none or more than one reaches.
package func expanded(_ target: TargetDeclaration) -> [PlainElement?] {
  let dims = Array(target.shape.dims)
  var result = [PlainElement?](repeating: nil, count: dims.reduce(1, *))
  var writers = [Int](repeating: 0, count: result.count)
  for fragment in target.fragments {
    let step = fragment.strides.last ?? 0
    for (index, length) in runs(Array(fragment.region.extent)) {
      let start = position(zip(index, fragment.region.offset).map { $0 + $1 }, in: dims)
      let base = fragment.base + dot(index, fragment.strides)
      for offset in 0..<length where writers.indices.contains(start + offset) {
        writers[start + offset] += 1
        result[start + offset] =
          fragment.source.map { .source($0, index: base + offset * step, mapped: fragment.kernel != nil) } ?? .zero
      }
    }
  }
  for place in result.indices where writers[place] != 1 { result[place] = nil }
  return result
}
