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
      let head = on(.last).part("mtp.layers.\(index)", from: "layers.\(shape.layers + index)")
      try head.multiTokenPrediction(
        hidden: shape.hidden, embeddingNorm: "enorm", hiddenNorm: "hnorm", join: "eh_proj", finalNorm: "shared_head.norm")
      let reason = "Megatron's multi-token prediction shares the model's embedding and output layer"
      try model.mayRepeat(head.source + "embed_tokens.weight", of: source + "embed_tokens.weight", orDrop: reason)
      try model.mayRepeat(head.source + "shared_head.head.weight", of: "lm_head.weight", orDrop: reason)
      try layer(head.part("mtp_model_layer", key: "transformer_layer", from: "").reading(head.source))
    }
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
