import PluginABI

/// What is known about one tensor of the checkpoint.
package enum SourceState: UInt8 {
  case absent, present
  /// There is no checkpoint at hand.
  case unknown
}

extension Model {
  package func state(of source: String) -> SourceState {
    switch source.lend({ host.pointee.source_state(builder, $0) }) {
    case MIMO_SOURCE_PRESENT: .present
    case MIMO_SOURCE_ABSENT: .absent
    default: .unknown
    }
  }

  /// The stored shape; nil when the source is not at hand.
  package func shape(of source: String) -> [Int]? {
    withUnsafeTemporaryAllocation(of: Int64.self, capacity: Int(MIMO_MAX_RANK)) { dims in
      let rank = source.lend { host.pointee.source_shape(builder, $0, dims.baseAddress) }
      guard rank >= 0, rank <= Int32(MIMO_MAX_RANK) else { return nil }
      var shape: [Int] = []
      for i in 0..<Int(rank) { shape.append(Int(dims[i])) }
      return shape
    }
  }

  /// One tensor of the checkpoint. `published` is its dtype in the family's published checkpoints.
  ///
  /// A matrix whose FP8 scales lie beside it (`<name>_scale_inv`) is decoded.
  package func source(_ name: String, _ shape: [Int], published: DType = .model) throws(Refusal) -> Node {
    if let decoded = try fp8(name, shape) { return decoded }
    let dims = shape.map { Int64($0) }
    let id = name.lend { view in
      dims.withUnsafeBufferPointer { d in
        host.pointee.source(builder, view, UInt32(d.count), d.baseAddress, published.rawValue)
      }
    }
    return try node(id, shape)
  }

  func node(_ id: mimo_node, _ shape: [Int]) throws(Refusal) -> Node {
    guard id != MIMO_NO_NODE else { throw Refusal() }
    return Node(model: self, id: id, shape: shape)
  }
}
