/// The two ends of a language model: embedding and output layer.
package struct Vocabulary {
  package var rows: Int
  package var hidden: Int
  /// Whether the output layer is the embedding.
  package var isTied: Bool
  /// Names in the checkpoint.
  package var embedding: String
  package var head: String
  /// The embedding's name in layout prime.
  package var primeEmbedding: String

  package init(
    rows: Int, hidden: Int, isTied: Bool, embedding: String, head: String = "lm_head.weight",
    primeEmbedding: String? = nil
  ) {
    self.primeEmbedding = primeEmbedding ?? embedding
    self.rows = rows
    self.hidden = hidden
    self.isTied = isTied
    self.embedding = embedding
    self.head = head
  }
}

extension Part {
  /// Embedding and output layer of the model that this part is the root of.
  ///
  /// `repeatsEmbedding`: multi-token prediction on the last stage needs the embedding there too.
  package func vocabulary(_ vocabulary: Vocabulary, repeatsEmbedding: Bool) throws(Refusal) {
    let name = "embedding.word_embeddings.weight"
    let shape = [vocabulary.rows, vocabulary.hidden]
    let whole = reading("")
    let weight = try whole.unkept.read(vocabulary.embedding, shape)
    try whole.keep(weight, as: vocabulary.primeEmbedding)
    let embedding = try on(.first).target(name, weight, .vocabulary(vocabulary.rows))
    if repeatsEmbedding { try embedding.copiedOnLastStage(as: self.name + name) }
    if vocabulary.isTied {
      try model.tie(vocabulary.head, to: vocabulary.embedding)
      try embedding.copiedOnLastStage(as: self.name + "output_layer.weight")
    } else {
      let head = try whole.read(vocabulary.head, shape)
      try on(.last).target("output_layer.weight", head, .vocabulary(vocabulary.rows))
    }
  }

  /// What surrounds a multi-token prediction layer: norms of embedding and hidden state, their join, a final norm.
  ///
  /// Source: Megatron-core `MultiTokenPredictionLayer`.
  package func multiTokenPrediction(
    hidden: Int, embeddingNorm: String, hiddenNorm: String, join: String, finalNorm: String
  ) throws(Refusal) {
    try norm("enorm", from: embeddingNorm, size: hidden)
    try norm("hnorm", from: hiddenNorm, size: hidden)
    try columnParallel("eh_proj", from: join, rows: hidden, columns: 2 * hidden, of: "hidden row")
    try norm("final_layernorm", from: finalNorm, size: hidden)
  }
}
