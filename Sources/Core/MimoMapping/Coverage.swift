import MimoSystem
import MimoTensor

/// The proof that a mapping moves each element once: each target is written whole, each source is read whole.
package enum Coverage {
  /// Throws for the first target with a hole or an overlap, or source with an element that is read never or twice.
  package static func prove(_ description: ModelDescription) throws(MimoError) {
    var readers = [[StridedCover.Piece]](repeating: [], count: description.sources.count)
    for target in description.targets {
      try prove(target)
      for fragment in target.fragments {
        guard let source = fragment.source else { continue }
        readers[source].append(piece(fragment))
      }
    }
    for (source, pieces) in zip(description.sources, readers) { try prove(source, pieces) }
  }

  private static func prove(_ target: TargetDeclaration) throws(MimoError) {
    guard let fault = Tiling.fault(target.fragments.map(\.region), in: target.shape) else { return }
    throw MimoError(
      .plugin, "the mapping does not write each element once: \(fault)", tensor: target.globalName,
      remedy: "This is a fault of the plugin")
  }

  private static func prove(_ source: SourceDeclaration, _ pieces: [StridedCover.Piece]) throws(MimoError) {
    guard let count = source.shape.elementCount, let fault = StridedCover.fault(pieces, count: count) else { return }
    let what =
      switch fault {
      case .overlap: "some elements are read twice"
      case .uncovered(let elements): "\(elements) of \(count) elements are read by no target"
      case .undecided: "the pieces are too irregular to prove that each element is read once"
      }
    throw MimoError(.plugin, what, tensor: source.name, remedy: "This is a fault of the plugin")
  }

  private static func piece(_ fragment: Fragment) -> StridedCover.Piece {
    let side = StridedBlock.Side(base: fragment.base, strides: fragment.strides)
    let block = StridedBlock(extent: fragment.region.extent, left: side, right: side).normalized()
    return StridedCover.Piece(base: block.left.base, extent: block.extent, strides: block.left.strides)
  }
}
