/// Grouped-query attention: how many heads, and of what size.
package struct AttentionShape {
  package var hidden: Int
  package var heads: Int
  /// Key/value heads.
  package var groups: Int
  package var headDim: Int
  /// A gate beside each query head: the checkpoint's `q_proj` has rows `[query | gate]` per head.
  package var isGated: Bool

  package init(hidden: Int, heads: Int, groups: Int, headDim: Int, isGated: Bool = false) {
    self.hidden = hidden
    self.heads = heads
    self.groups = groups
    self.headDim = headDim
    self.isGated = isGated
  }

  var queryRows: Int { heads * (isGated ? 2 : 1) * headDim }
  var keyRows: Int { groups * headDim }
  var rows: Int { queryRows + 2 * keyRows }
}

extension Part {
  /// `linear_qkv` from `q_proj`, `k_proj`, `v_proj`. Rows per key/value group: its query heads, their gates, key, value.
  ///
  /// Source: Megatron-core `SelfAttention.get_query_key_value_tensors`.
  package func qkv(
    _ shape: AttentionShape, to module: String = "linear_qkv", bias: Bool = false
  ) throws(Refusal) {
    let weight = try interleaved(shape, suffix: "weight", columns: [shape.hidden])
    var biasNode: Node?
    if bias { biasNode = try interleaved(shape, suffix: "bias", columns: []) }
    let rows = Segment(shape.rows, unit: shape.rows / shape.groups, of: "key/value group", sharesUnits: true)
    try columnParallel(module, weight, bias: biasNode, segments: [rows])
  }

  private func interleaved(_ shape: AttentionShape, suffix: String, columns: [Int]) throws(Refusal) -> Node {
    let groups = shape.groups
    var query = try read("q_proj.\(suffix)", [shape.queryRows] + columns)
    if shape.isGated {
      let split = try query.reshaped([groups, shape.heads / groups, 2, shape.headDim] + columns)
      query = try split.permuted([0, 2, 1] + Array(3..<split.shape.count))
    }
    query = try query.reshaped([groups, shape.queryRows / groups] + columns)
    let key = try read("k_proj.\(suffix)", [shape.keyRows] + columns).reshaped([groups, shape.headDim] + columns)
    let value = try read("v_proj.\(suffix)", [shape.keyRows] + columns).reshaped([groups, shape.headDim] + columns)
    return try model.concat([query, key, value], dim: 1).reshaped([shape.rows] + columns)
  }

  /// `linear_qkv` from one fused `[Q; K; V]` with as many key as query heads: rows per head become `[q, k, v]`.
  package func fusedQKV(
    to module: String = "linear_qkv", from source: String, hidden: Int, heads: Int, headDim: Int, bias: Bool
  ) throws(Refusal) {
    func perHead(_ suffix: String, _ columns: [Int]) throws(Refusal) -> Node {
      let rows = 3 * heads * headDim
      let parts = try read("\(source).\(suffix)", [rows] + columns).reshaped([3, heads, headDim] + columns)
      return try parts.permuted([1, 0] + Array(2..<parts.shape.count)).reshaped([rows] + columns)
    }
    var biasNode: Node?
    if bias { biasNode = try perHead("bias", []) }
    let rows = Segment(3 * heads * headDim, unit: 3 * headDim, of: "attention head")
    try columnParallel(module, try perHead("weight", [hidden]), bias: biasNode, segments: [rows])
  }

  /// The output projection, cut as the query heads are.
  package func attentionOutput(
    _ shape: AttentionShape, to module: String = "linear_proj", from source: String = "o_proj", bias: Bool = false
  ) throws(Refusal) {
    let columns = shape.heads * shape.headDim
    try rowParallel(
      module, from: source, rows: shape.hidden, columns: columns, bias: bias, unit: shape.headDim,
      of: "attention head")
  }
}
