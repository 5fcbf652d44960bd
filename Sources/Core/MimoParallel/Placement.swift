import MimoTensor

/// Where a target lives in a parallel layout: its pipeline stage, its expert, and how it is split.
///
/// Mirrors `mimo_target` of the plugin contract.
package struct Placement: Sendable, Hashable {
  package enum Stage: Sendable, Hashable {
    case first, last
    /// The stage that holds this layer of the component.
    case layer(Int)
  }

  /// One of the routed experts, counted over all ep ranks.
  package struct Expert: Sendable, Hashable {
    package var index: Int
    package var count: Int
    package init(index: Int, count: Int) {
      self.index = index
      self.count = count
    }
  }

  /// Which parallel size splits the target.
  package enum Split: Sendable, Hashable {
    case none
    /// Split along a dim into tp parts.
    case tp(dim: Int)
    /// Split along a dim into etp parts: the weights of routed experts.
    case etp(dim: Int)
  }

  /// One part of the split dim, cut on its own.
  package struct Segment: Sendable, Hashable {
    /// Not empty when the checkpoint stores the part under a key of its own.
    package var name: String
    package var extent: Int
    /// Rows that belong together (a head, a key/value group).
    package var unit: Int
    /// Names a unit in errors, in the singular: "head".
    package var unitName: String
    /// More ranks than units may share them, as Megatron does with key/value groups: a rank then holds a part of one.
    package var ranksMayShareUnits: Bool

    package init(
      name: String = "", extent: Int, unit: Int = 1, unitName: String = "", ranksMayShareUnits: Bool = false
    ) {
      self.name = name
      self.extent = extent
      self.unit = unit
      self.unitName = unitName
      self.ranksMayShareUnits = ranksMayShareUnits
    }
  }

  package var stage: Stage
  package var expert: Expert?
  package var split: Split
  /// The parts of the split dim, in order; empty without a split.
  package var segments: [Segment]

  /// The dim that is split; nil when the target is whole on each rank.
  package var splitDim: Int? {
    switch split {
    case .none: nil
    case .tp(let dim), .etp(let dim): dim
    }
  }

  package init(stage: Stage, expert: Expert? = nil, split: Split = .none, segments: [Segment] = []) {
    self.stage = stage
    self.expert = expert
    self.split = split
    self.segments = segments
  }
}
