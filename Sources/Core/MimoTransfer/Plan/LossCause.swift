import MimoMapping
import MimoTensor

/// Why elements can not be brought back, and what would keep them.
package struct LossCause: Sendable, Hashable {
  /// The change of value; nil for a cast alone.
  package var kernel: String?
  /// The dtype that does not hold them.
  package var dtype: String
  /// The option that keeps them; nil where none does.
  package var keptBy: String?
}

extension ConversionPlan {
  /// Why elements of a whole tensor are lost.
  package func cause(ofLoss index: Int) -> LossCause {
    let targets = uses[index].map { description.targets[$0.target] }
    let kernel = zip(uses[index], targets).lazy.compactMap { $1.fragments[$0.fragment].kernel }.first
    let stored = uses[index].first.map { self.stored.targets[$0.target].dtype } ?? whole[index].dtype
    let (from, to) = direction == .storedToWhole ? (stored, whole[index].dtype) : (whole[index].dtype, stored)
    // A dtype that the layout gives a tensor is not the user's to choose.
    let isChosen = direction == .storedToWhole || targets.allSatisfy { $0.dtype == nil }
    let isHeld = kernel == nil || kernel != .subtractMinimum && from != .f32
    return LossCause(
      kernel: kernel?.name, dtype: to.rawValue, keptBy: isChosen && isHeld && to != .f32 ? "--dtype float32" : nil)
  }
}
