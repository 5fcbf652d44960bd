/// Multi-token prediction layers that the checkpoint numbers on after the decoder's, as DeepSeek and its followers do.
extension Part {
  /// The part is the model's root; `layer` declares what is inside of one, like a decoder layer.
  ///
  /// Each may repeat the embedding and the output layer. Megatron has one of each: a copy is a tie, another tensor is
  /// left out by name. Megatron-Bridge reads neither, and writes neither.
  package func trailingMTP(
    _ count: Int, after shape: LanguageShape, layer: (Part) throws(Refusal) -> Void
  ) throws(Refusal) {
    for index in 0..<count {
      let head = on(.last).handedThrough.part("mtp.layers.\(index)", from: "layers.\(shape.layers + index)")
      try head.multiTokenPrediction(
        hidden: shape.hidden, embeddingNorm: "enorm", hiddenNorm: "hnorm", join: "eh_proj", finalNorm: "shared_head.norm")
      try head.repeatedEnds(of: self, shape)
      try layer(head.part("mtp_model_layer", key: "transformer_layer", from: "").reading(head.source))
    }
  }

  /// A layer's own embedding and output layer; layout prime has a place for them.
  private func repeatedEnds(of root: Part, _ shape: LanguageShape) throws(Refusal) {
    let (embedding, output) = ("embed_tokens.weight", "shared_head.head.weight")
    guard !isPrime else {
      for name in [embedding, output] { try keepIfThere(name, [shape.vocabulary, shape.hidden]) }
      return
    }
    let reason = "Megatron's multi-token prediction shares the model's embedding and output layer"
    try model.mayRepeat(source + embedding, of: root.source + embedding, orDrop: reason)
    try model.mayRepeat(source + output, of: "lm_head.weight", orDrop: reason)
  }
}

extension Model {
  /// `duplicate` may lie in the checkpoint beside `original`: with the same bits it comes back on the way back, with
  /// others it is left out and named.
  package func mayRepeat(_ duplicate: String, of original: String, orDrop reason: String) throws(Refusal) {
    try tie(duplicate, to: original)
    try drop(duplicate, reason: reason)
  }
}
