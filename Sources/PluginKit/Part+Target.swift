import PluginABI

/// A target that was declared; an alias may point at it.
package struct Target {
  let model: Model
  /// nil for a module of Megatron's in another layout.
  let id: mimo_target_id?

  /// With several pipeline stages the last one holds a copy under `name`.
  package func copiedOnLastStage(as name: String) throws(Refusal) {
    guard let id else { return }
    try model.check(name.lend { model.host.pointee.alias(model.builder, id, $0) })
  }
}

/// Which of how many routed experts.
package struct Expert {
  package var index: Int
  package var count: Int

  package init(index: Int, count: Int) {
    self.index = index
    self.count = count
  }
}

extension Part {
  /// Declares one tensor of Megatron's module. `key` is given where a distributed checkpoint names it differently.
  @discardableResult
  package func target(
    _ name: String, key: String? = nil, _ node: Node, _ placement: Placement = .replicated, dtype: DType = .model,
    isBuffer: Bool = false, expert: Expert? = nil
  ) throws(Refusal) -> Target {
    guard !isPrime else { return Target(model: model, id: nil) }
    let segments = placement.segments.map { segment in
      mimo_segment(
        struct_size: UInt32(MemoryLayout<mimo_segment>.size),
        flags: segment.sharesUnits ? MIMO_SEGMENT_SHARED_UNITS : 0, name: mimo_string(segment.name),
        extent: Int64(segment.extent), unit: Int64(segment.unit), unit_name: mimo_string(segment.unitName))
    }
    let id = segments.withUnsafeBufferPointer { segments in
      (self.name + name).lend { nameView in
        (self.key + (key ?? name)).lend { keyView in
          var target = mimo_target()
          target.struct_size = UInt32(MemoryLayout<mimo_target>.size)
          target.component = component
          target.name = nameView
          target.key = keyView
          target.node = node.id
          target.kind = isBuffer ? MIMO_BUFFER : MIMO_PARAMETER
          target.dtype = dtype.rawValue
          target.stage = stage.kind
          target.layer = Int64(index)
          target.layer_count = Int64(count)
          target.expert = Int64(expert?.index ?? -1)
          target.expert_count = Int64(expert?.count ?? 0)
          target.split = placement.axis?.rawValue ?? MIMO_SPLIT_NONE
          target.split_dim = placement.axis == nil ? MIMO_NO_DIM : UInt32(placement.dim)
          target.segments = segments.isEmpty ? nil : segments.baseAddress
          target.segment_count = segments.count
          target.segment_stride = MemoryLayout<mimo_segment>.stride
          target.flags = placement.isVocabulary ? MIMO_TARGET_VOCABULARY : 0
          return model.host.pointee.target(model.builder, &target)
        }
      }
    }
    guard id != MIMO_NO_TARGET else { throw Refusal() }
    return Target(model: model, id: id)
  }
}
