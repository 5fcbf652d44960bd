/// Where one whole tensor of a component lives in a parallel layout.
///
/// The host's view of `mimo_target` in mimo_plugin.h.
package struct Placement: Sendable, Hashable {
  /// Which pipeline stage holds it.
  package enum Stage: Sendable, Hashable {
    case first
    case last
    /// The stage that holds decoder layer `Placement.layer`.
    case layer
  }

  /// A position along an axis of `count`: layer 3 of 8, expert 5 of 128.
  package struct Position: Sendable, Hashable {
    package var index: Int
    package var count: Int
    package init(index: Int, count: Int) {
      self.index = index
      self.count = count
    }
  }

  /// How a tensor is cut along one dimension.
  package struct Split: Sendable, Hashable {
    /// Which size cuts it: tp, or etp for the weights of routed experts.
    package enum Size: Sendable, Hashable {
      case tensorParallel
      case expertTensorParallel
    }
    package var size: Size
    package var dim: Int
    /// Each segment is cut on its own; extents sum up to the dimension.
    package var segments: [Segment]
    package init(size: Size, dim: Int, segments: [Segment]) {
      self.size = size
      self.dim = dim
      self.segments = segments
    }
  }

  package struct Segment: Sendable, Hashable {
    /// Not empty when a checkpoint stores this part under `<key>.<name>`.
    package var name: String
    package var extent: Int
    /// Rows that stay together: a head, a key/value group.
    package var unit: Int
    package var unitName: String
    package init(name: String = "", extent: Int, unit: Int = 1, unitName: String = "") {
      self.name = name
      self.extent = extent
      self.unit = unit
      self.unitName = unitName
    }
  }

  package var stage: Stage
  package var layer: Position?
  package var expert: Position?
  package var split: Split?

  package init(stage: Stage, layer: Position? = nil, expert: Position? = nil, split: Split? = nil) {
    self.stage = stage
    self.layer = layer
    self.expert = expert
    self.split = split
  }
}
