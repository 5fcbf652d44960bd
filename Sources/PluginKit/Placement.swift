import PluginABI

/// Which size splits a tensor.
package enum Axis: UInt32 {
  case tp = 1
  /// The tensor parallel size of routed experts.
  case etp = 2
}

/// One part of a split dim that is cut on its own.
package struct Segment {
  package var extent: Int
  /// Rows that must stay together, and what one such is called.
  package var unit: Int
  package var unitName: StaticString
  /// Not empty when a distributed checkpoint stores this part under `<key>.<name>`.
  package var name: StaticString
  /// More ranks than units may share one, each with an equal part.
  package var sharesUnits: Bool

  package init(
    _ extent: Int, unit: Int = 1, of unitName: StaticString, named name: StaticString = "", sharesUnits: Bool = false
  ) {
    self.sharesUnits = sharesUnits
    self.extent = extent
    self.unit = unit
    self.unitName = unitName
    self.name = name
  }
}

/// How a tensor is spread over the ranks of one stage.
package struct Placement {
  var axis: Axis?
  var dim = 0
  var segments: [Segment] = []
  var isVocabulary = false

  /// Every rank holds all of it.
  package static let replicated = Placement()

  /// Cut along `dim`, each segment for itself.
  package static func split(_ dim: Int, _ segments: [Segment], by axis: Axis = .tp) -> Placement {
    Placement(axis: axis, dim: dim, segments: segments)
  }

  /// Rows are vocabulary entries; zero rows may be added at the end.
  package static func vocabulary(_ rows: Int) -> Placement {
    Placement(axis: .tp, dim: 0, segments: [Segment(rows, of: "vocabulary row")], isVocabulary: true)
  }
}

/// Where in the pipeline something lives.
package enum Stage {
  case first, last
  /// With decoder layer `index`.
  case layer(Int)

  var kind: UInt32 {
    switch self {
    case .first: MIMO_STAGE_FIRST
    case .last: MIMO_STAGE_LAST
    case .layer: MIMO_STAGE_LAYER
    }
  }
}
