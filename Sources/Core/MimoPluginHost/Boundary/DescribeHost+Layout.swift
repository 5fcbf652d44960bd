import MimoMapping
import MimoParallel
import MimoSystem
import PluginABI

/// Targets and where they live.
extension DescribeHost {
  static func setLayout(_ host: inout mimo_host) {
    host.target = { handle, target in
      DescribeSession.declare(handle, failed: MIMO_NO_TARGET) { (session) throws(MimoError) in
        session.record(target: try DescribeHost.target(try BoundaryReader.checked(target, "a target")))
      }
    }
    host.alias = { handle, target, name in
      DescribeHost.status(handle) { () throws(MimoError) in
        .alias(of: Int(target), name: try BoundaryReader.name(name, "an alias's name"))
      }
    }
    host.state_entry = { handle, entry in
      DescribeHost.status(handle) { () throws(MimoError) in
        let entry = try BoundaryReader.checked(entry, "a state entry")
        let key = try BoundaryReader.name(entry.key, "a state entry's key")
        return .stateEntry(
          StateEntryDeclaration(
            component: Int(entry.component), key: key,
            layer: try DescribeHost.position(entry.layer, of: entry.layer_count, "layer", key),
            expert: try DescribeHost.position(entry.expert, of: entry.expert_count, "expert", key)))
      }
    }
    host.drop = { handle, pattern, reason in
      DescribeHost.status(handle) { () throws(MimoError) in
        .drop(
          DropRule(
            pattern: try BoundaryReader.name(pattern, "a drop pattern"),
            reason: try BoundaryReader.name(reason, "a drop reason")))
      }
    }
    host.tie = { handle, duplicate, original in
      DescribeHost.status(handle) { () throws(MimoError) in
        .tie(
          Tie(
            duplicate: try BoundaryReader.name(duplicate, "a tied name"),
            original: try BoundaryReader.name(original, "a tied name")))
      }
    }
  }

  static func status(
    _ handle: OpaquePointer?, _ declaration: () throws(MimoError) -> Declaration
  ) -> mimo_status {
    DescribeSession.declare(handle, failed: MIMO_FAILED) { (session) throws(MimoError) in
      session.record(try declaration())
      return MIMO_OK
    }
  }

  /// The longest layer or expert axis that is believed.
  static let longestAxis = 1 << 24

  private static func target(_ target: mimo_target) throws(MimoError) -> Declaration.Target {
    let name = try BoundaryReader.name(target.name, "a target's name")
    guard target.flags & ~MIMO_TARGET_VOCABULARY == 0 else {
      throw BoundaryReader.broken("target \(name) has unknown flags \(target.flags)")
    }
    let layer = try position(target.layer, of: target.layer_count, "layer", name)
    let expert = try position(target.expert, of: target.expert_count, "expert", name)
    let (split, segments) = try split(target, name)
    let placement = Placement(
      stage: try stage(target, layer, name),
      expert: expert.map { Placement.Expert(index: $0.index, count: $0.count) }, split: split, segments: segments)
    return Declaration.Target(
      component: Int(target.component), name: name, key: try BoundaryReader.text(target.key, "the key of \(name)"),
      node: Int(target.node), kind: try kind(target, name), dtype: try BoundaryReader.dtype(target.dtype, name),
      isVocabulary: target.flags & MIMO_TARGET_VOCABULARY != 0, layer: layer, placement: placement)
  }

  private static func stage(
    _ target: mimo_target, _ layer: AxisPosition?, _ name: String
  ) throws(MimoError) -> Placement.Stage {
    switch target.stage {
    case MIMO_STAGE_FIRST: return .first
    case MIMO_STAGE_LAST: return .last
    case MIMO_STAGE_LAYER:
      guard let layer else { throw BoundaryReader.broken("target \(name) is on its layer's stage and has no layer") }
      return .layer(layer.index)
    default: throw BoundaryReader.broken("target \(name) is on the unknown stage \(target.stage)")
    }
  }

  private static func kind(_ target: mimo_target, _ name: String) throws(MimoError) -> TargetDeclaration.Kind {
    switch target.kind {
    case MIMO_PARAMETER: .parameter
    case MIMO_BUFFER: .buffer
    default: throw BoundaryReader.broken("target \(name) is of the unknown kind \(target.kind)")
    }
  }

  /// -1 of 0 stands for none.
  private static func position(
    _ index: Int64, of count: Int64, _ what: String, _ name: String
  ) throws(MimoError) -> AxisPosition? {
    if index == -1, count == 0 { return nil }
    guard index >= 0, index < count, count <= longestAxis else {
      throw BoundaryReader.broken("\(name) is \(what) \(index) of \(count)")
    }
    return AxisPosition(index: Int(index), count: Int(count))
  }

  private static func split(
    _ target: mimo_target, _ name: String
  ) throws(MimoError) -> (Placement.Split, [Placement.Segment]) {
    let split: Placement.Split
    switch target.split {
    case MIMO_SPLIT_NONE:
      guard target.split_dim == MIMO_NO_DIM, target.segment_count == 0 else {
        throw BoundaryReader.broken("target \(name) has a split dim or segments, but no split")
      }
      return (.none, [])
    case MIMO_SPLIT_TP: split = .tp(dim: Int(target.split_dim))
    case MIMO_SPLIT_ETP: split = .etp(dim: Int(target.split_dim))
    default: throw BoundaryReader.broken("target \(name) has the unknown split \(target.split)")
    }
    let rows = try BoundaryReader.rows(
      target.segments, count: target.segment_count, stride: target.segment_stride, "segments of \(name)")
    guard !rows.isEmpty else { throw BoundaryReader.broken("target \(name) is split and has no segments") }
    var segments: [Placement.Segment] = []
    for row in rows { segments.append(try segment(row, name)) }
    return (split, segments)
  }

  private static func segment(_ row: mimo_segment, _ name: String) throws(MimoError) -> Placement.Segment {
    guard row.flags & ~MIMO_SEGMENT_SHARED_UNITS == 0 else {
      throw BoundaryReader.broken("a segment of \(name) has unknown flags \(row.flags)")
    }
    return Placement.Segment(
      name: try BoundaryReader.text(row.name, "a segment's name of \(name)"), extent: Int(row.extent),
      unit: Int(row.unit), unitName: try BoundaryReader.text(row.unit_name, "a unit's name of \(name)"),
      ranksMayShareUnits: row.flags & MIMO_SEGMENT_SHARED_UNITS != 0)
  }
}
