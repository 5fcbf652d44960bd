import MimoCheckpoints
import MimoMapping
import MimoParallel
import MimoTensor

/// What each rank of one pipeline stage of a component holds of the model.
package struct RankShare: Sendable {
  package let component: String
  package let stage: Int
  package let ranks: Range<Int>
  /// Least and most bytes of a rank: only routed experts make them differ.
  package let bytes: ClosedRange<Int>
  /// Least and most tensors of a rank.
  package let tensors: ClosedRange<Int>

  /// One entry a component and stage that holds anything.
  static func all(_ layout: ModelLayout, dtypes: [DType]) -> [RankShare] {
    var sums = layout.components.map { RankSums($0.grid) }
    for (index, target) in layout.description.targets.enumerated() {
      sums[target.component].add(layout.shardings[index], dtypes[index])
    }
    for alias in layout.description.aliases {
      let component = layout.description.targets[alias.target].component
      sums[component].addCopyOnLastStage(of: layout.shardings[alias.target], dtypes[alias.target])
    }
    var shares: [RankShare] = []
    for (component, sum) in zip(layout.components, sums) {
      let sizes = component.grid.layout
      for stage in 0..<sizes.pp where sum.holdsAnything(at: stage) {
        let first = sizes.rankOffset + stage * sizes.ranksPerStage
        shares.append(
          RankShare(
            component: component.name, stage: stage, ranks: first..<(first + sizes.ranksPerStage),
            bytes: sum.range(of: \.bytes, at: stage), tensors: sum.range(of: \.tensors, at: stage)))
      }
    }
    return shares
  }
}
