import PluginKit

/// Nemotron-H: Mamba, attention, MLP and mixture-of-experts layers in an order of its own, one mixer behind one norm
/// each.
struct NemotronH {
  let model: Model
  let shape: HybridShape

  init(_ model: Model) throws(Refusal) {
    self.model = model
    try model.config.refuseUnknownSwitches()
    shape = try HybridShape(model.config)
  }

  func describe(in layout: Layout) throws(Refusal) {
    let (body, embedding) = sourceNames()
    let root = Part(model, source: body, layout: layout, prime: "model.")
    let vocabulary = Vocabulary(
      rows: shape.language.vocabulary, hidden: shape.hidden, isTied: shape.language.isTied, embedding: embedding,
      primeEmbedding: "model.embed_tokens.weight")
    try root.vocabulary(vocabulary, repeatsEmbedding: shape.mtpBlocks > 0)
    try root.on(.last).extraState("output_layer")
    for (index, kind) in shape.layers.enumerated() {
      let layer = root.entry(
        "decoder.layers", from: "layers", index, of: shape.layers.count, stacked: false, stage: .layer(index))
      try describe(kind, layer)
    }
    guard layout != .prime else { return try finishPrime(root) }
    try root.on(.last).norm("decoder.final_norm", from: "norm_f", size: shape.hidden)
    for block in 0..<shape.mtpBlocks { try describeMTP(block, root) }
    try describeProvider()
  }

  /// Published checkpoints say `backbone.embeddings`; transformers 5 has versions of either word.
  private func sourceNames() -> (body: String, embedding: String) {
    for body in ["backbone.", "model."] {
      for name in ["embeddings.weight", "embedding.weight"] where model.state(of: body + name) == .present {
        return (body, body + name)
      }
    }
    return ("backbone.", "backbone.embeddings.weight")
  }

  /// One block of multi-token prediction. The checkpoint numbers the layers of all blocks through; the block's own
  /// norms and join are with its first layer, its final norm is with its last.
  private func describeMTP(_ block: Int, _ root: Part) throws(Refusal) {
    let first = block * shape.mtpLayers.count
    let last = first + shape.mtpLayers.count - 1
    let head = root.on(.last).reading("").part("mtp.layers.\(block)", from: "mtp.layers")
    try head.multiTokenPrediction(
      hidden: shape.hidden, embeddingNorm: "\(first).enorm", hiddenNorm: "\(first).hnorm", join: "\(first).eh_proj",
      finalNorm: "\(last).final_layernorm")
    for (index, kind) in shape.mtpLayers.enumerated() {
      try describe(kind, head.part("mtp_model_layer.layers.\(index)", from: "\(first + index)"))
    }
  }
}
