import MimoPlan
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
    var sums = layout.components.map { Sums($0.grid.layout.pp, ep: $0.grid.layout.ep) }
    for (index, target) in layout.description.targets.enumerated() {
      let sharding = layout.shardings[index]
      let bytes = dtypes[index].byteCount(elements: sharding.localShape.elementCount ?? 0) ?? 0
      sums[target.component].add(bytes, stage: sharding.stage, expertRank: sharding.expertRank)
    }
    for alias in layout.description.aliases {
      let component = layout.description.targets[alias.target].component
      let stages = layout.components[component].grid.layout.pp
      let elements = layout.shardings[alias.target].localShape.elementCount ?? 0
      guard stages > 1 else { continue }
      sums[component].add(dtypes[alias.target].byteCount(elements: elements) ?? 0, stage: stages - 1, expertRank: nil)
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

  /// Bytes and tensors of one component by stage: those of every rank, and those of each expert parallel rank.
  private struct Sums {
    struct Sum {
      var bytes = 0
      var tensors = 0
    }

    private var dense: [Sum]
    private var expert: [[Sum]]

    init(_ stages: Int, ep: Int) {
      dense = Array(repeating: Sum(), count: stages)
      expert = Array(repeating: Array(repeating: Sum(), count: ep), count: stages)
    }

    mutating func add(_ bytes: Int, stage: Int, expertRank: Int?) {
      if let expertRank {
        expert[stage][expertRank].bytes += bytes
        expert[stage][expertRank].tensors += 1
      } else {
        dense[stage].bytes += bytes
        dense[stage].tensors += 1
      }
    }

    func holdsAnything(at stage: Int) -> Bool {
      dense[stage].tensors > 0 || expert[stage].contains { $0.tensors > 0 }
    }

    func range(of path: KeyPath<Sum, Int>, at stage: Int) -> ClosedRange<Int> {
      let own = dense[stage][keyPath: path]
      let experts = expert[stage].map { $0[keyPath: path] }
      let least = own + (experts.min() ?? 0)
      return least...max(least, own + (experts.max() ?? 0))
    }
  }
}
