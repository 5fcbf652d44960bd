/// Multi-head latent attention: queries, keys and values come out of small latent vectors.
package struct LatentAttentionShape {
  package var hidden: Int
  package var heads: Int
  /// Size of the query's latent vector.
  package var queryRank: Int
  /// Size of the latent vector of keys and values.
  package var keyRank: Int
  /// Parts of a query and key head without and with positions.
  package var plainDim: Int
  package var rotaryDim: Int
  package var valueDim: Int

  /// The keys that the configs of DeepSeek and its followers share.
  package init(_ config: Config, hidden: Int) throws(Refusal) {
    let most = Config.largestCount
    self.hidden = hidden
    heads = try config.size("num_attention_heads", atMost: most)
    // Megatron-core 0.19 norms queries before a projection that has no norm in the checkpoint.
    guard config.has("q_lora_rank") else {
      throw config.refuse("q_lora_rank", "is missing: Megatron has no such attention without a latent query")
    }
    queryRank = try config.size("q_lora_rank", atMost: most)
    keyRank = try config.size("kv_lora_rank", atMost: most)
    plainDim = try config.size("qk_nope_head_dim", atMost: most)
    rotaryDim = try config.size("qk_rope_head_dim", atMost: most)
    valueDim = try config.size("v_head_dim", atMost: most)
  }

  var queryDim: Int { plainDim + rotaryDim }
}

/// The selector of sparse attention: which earlier tokens a token looks at.
package struct IndexerShape {
  package var heads: Int
  package var headDim: Int

  package init(heads: Int, headDim: Int) {
    self.heads = heads
    self.headDim = headDim
  }
}

extension Part {
  /// Latent attention with the norm before it; the part is the layer. With an indexer the norms of the latent vectors
  /// are modules of their own, else they live in the projections after them.
  ///
  /// Source: Megatron-core `MLASelfAttention`, and `DSAttention` with its `DSAIndexer`.
  package func latentAttention(_ shape: LatentAttentionShape, indexer: IndexerShape? = nil) throws(Refusal) {
    try norm("input_layernorm", from: "input_layernorm", size: shape.hidden)
    let attention = part("self_attention", from: "self_attn")
    try attention.latentQuery(shape, fusesNorm: indexer == nil)
    try attention.latentKeyValue(shape, fusesNorm: indexer == nil)
    try attention.rowParallel(
      "linear_proj", from: "o_proj", rows: shape.hidden, columns: shape.heads * shape.valueDim, unit: shape.valueDim,
      of: "attention head")
    guard let indexer else { return }
    try attention.part("core_attention.indexer", from: "indexer")
      .indexer(indexer, hidden: shape.hidden, queryRank: shape.queryRank)
  }

  private func latentQuery(_ shape: LatentAttentionShape, fusesNorm: Bool) throws(Refusal) {
    let (rows, rank) = (shape.heads * shape.queryDim, shape.queryRank)
    try replicatedLinear("linear_q_down_proj", from: "q_a_proj", rows: rank, columns: shape.hidden)
    try latentNorm("q_layernorm", fusedIn: fusesNorm ? "linear_q_up_proj" : nil, from: "q_a_layernorm", size: rank)
    try columnParallel(
      "linear_q_up_proj", from: "q_b_proj", rows: rows, columns: rank, unit: shape.queryDim, of: "attention head")
  }

  private func latentKeyValue(_ shape: LatentAttentionShape, fusesNorm: Bool) throws(Refusal) {
    let rank = shape.keyRank
    let unit = shape.plainDim + shape.valueDim
    try replicatedLinear(
      "linear_kv_down_proj", from: "kv_a_proj_with_mqa", rows: rank + shape.rotaryDim, columns: shape.hidden)
    try latentNorm("kv_layernorm", fusedIn: fusesNorm ? "linear_kv_up_proj" : nil, from: "kv_a_layernorm", size: rank)
    try columnParallel(
      "linear_kv_up_proj", from: "kv_b_proj", rows: shape.heads * unit, columns: rank, unit: unit, of: "attention head")
  }

  private func latentNorm(_ module: String, fusedIn linear: String?, from source: String, size: Int) throws(Refusal) {
    guard let linear else { return try norm(module, from: source, size: size) }
    try fusedNorm(in: linear, from: source, size: size)
  }

  private func indexer(_ shape: IndexerShape, hidden: Int, queryRank: Int) throws(Refusal) {
    try replicatedLinear("linear_wq_b", from: "wq_b", rows: shape.heads * shape.headDim, columns: queryRank)
    try replicatedLinear("linear_wk", from: "wk", rows: shape.headDim, columns: hidden)
    try norm("k_norm", from: "k_norm", size: shape.headDim, bias: true)
    try replicatedLinear("linear_weights_proj", from: "weights_proj", rows: shape.heads, columns: hidden)
  }

  /// A linear layer that every rank holds whole.
  private func replicatedLinear(_ module: String, from source: String, rows: Int, columns: Int) throws(Refusal) {
    try replicated("\(module).weight", from: "\(source).weight", [rows, columns])
    try extraState(module)
  }
}
