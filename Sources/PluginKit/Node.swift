import PluginABI

/// A tensor made of sources. All operations but `+`, `-` and `withoutMinimum` only move elements.
package struct Node {
  let model: Model
  let id: mimo_node
  package let shape: [Int]

  private var host: mimo_host { model.host.pointee }
  private var builder: OpaquePointer { model.builder }

  package func reshaped(_ dims: [Int]) throws(Refusal) -> Node {
    let wide = dims.map { Int64($0) }
    let made = wide.withUnsafeBufferPointer { host.reshape(builder, id, UInt32($0.count), $0.baseAddress) }
    return try model.node(made, dims)
  }

  /// Dim `i` of the result is dim `order[i]` of this.
  package func permuted(_ order: [Int]) throws(Refusal) -> Node {
    let narrow = order.map { UInt32($0) }
    let made = narrow.withUnsafeBufferPointer { host.permute(builder, id, UInt32($0.count), $0.baseAddress) }
    return try model.node(made, order.map { shape[$0] })
  }

  /// `length` entries of `dim`, from `start` on.
  package func narrowed(_ dim: Int, from start: Int, length: Int) throws(Refusal) -> Node {
    var dims = shape
    dims[dim] = length
    return try model.node(host.narrow(builder, id, UInt32(dim), Int64(start), Int64(length)), dims)
  }

  /// Entry `index` of the first dim, without that dim.
  package func entry(_ index: Int) throws(Refusal) -> Node {
    try narrowed(0, from: index, length: 1).reshaped(Array(shape.dropFirst()))
  }

  /// Zeros at the end of `dim` until it has `extent` entries.
  package func padded(_ dim: Int, to extent: Int) throws(Refusal) -> Node {
    var dims = shape
    dims[dim] = extent
    return try model.node(host.pad(builder, id, UInt32(dim), Int64(extent)), dims)
  }

  /// A matrix with rows and columns exchanged.
  package func transposed() throws(Refusal) -> Node { try permuted([1, 0]) }

  package static func + (node: Node, value: Double) throws(Refusal) -> Node {
    var kernel = mimo_kernel(
      struct_size: UInt32(MemoryLayout<mimo_kernel>.size), kind: MIMO_KERNEL_ADD, value: value)
    return try node.model.node(node.host.map(node.builder, node.id, &kernel), node.shape)
  }

  package static func - (node: Node, value: Double) throws(Refusal) -> Node { try node + -value }

  /// This source with its least element taken off each. Lossy: nothing puts it back.
  package func withoutMinimum() throws(Refusal) -> Node {
    var kernel = mimo_kernel(
      struct_size: UInt32(MemoryLayout<mimo_kernel>.size), kind: MIMO_KERNEL_MIN_SHIFT, value: 0)
    return try model.node(host.map(builder, id, &kernel), shape)
  }
}

extension Model {
  /// Zeros from no source; a dim may be 0.
  package func zeros(_ shape: [Int]) throws(Refusal) -> Node {
    let wide = shape.map { Int64($0) }
    let made = wide.withUnsafeBufferPointer { host.pointee.zeros(builder, UInt32($0.count), $0.baseAddress) }
    return try node(made, shape)
  }

  package func concat(_ nodes: [Node], dim: Int = 0) throws(Refusal) -> Node {
    guard var shape = nodes.first?.shape else { throw fail("concat of nothing") }
    shape[dim] = nodes.reduce(0) { $0 + $1.shape[dim] }
    let ids = nodes.map { $0.id }
    let made = ids.withUnsafeBufferPointer { host.pointee.concat(builder, UInt32(dim), $0.baseAddress, $0.count) }
    return try node(made, shape)
  }
}
