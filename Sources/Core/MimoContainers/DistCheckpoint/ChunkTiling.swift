import MimoSystem
import MimoTensor

/// Proves that boxes cover a shape completely and without overlap.
package func checkTiling(_ regions: [Region], of shape: GlobalShape) throws(MimoError) {
  guard let whole = shape.elementCount else { throw MimoError(.invalidInput, "the shape \(shape) is too large") }
  switch Tiling.fault(regions, in: shape) {
  case nil: return
  case .outside(let region): throw MimoError(.invalidInput, "the chunk \(region) leaves the shape \(shape)")
  case .overlap(let a, let b): throw MimoError(.invalidInput, "the chunks \(a) and \(b) overlap")
  case .irregular(let boxes):
    throw MimoError(.unsupported, "\(boxes) of its chunks overlap or lie too irregularly")
  case .uncovered(let elements):
    throw MimoError(
      .invalidInput, "its chunks cover \(whole - elements) of \(whole) elements",
      remedy: "The checkpoint is not complete")
  }
}
