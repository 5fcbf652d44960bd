/// The language models that Qwen3 and Qwen3.5 have in common with their vision-language models, by their differences.
package struct QwenVariant {
  /// Qwen3.5: gated attention, Gated DeltaNet layers, multi-token prediction.
  package var isQwen35: Bool
  package var hasExperts: Bool
  /// Below a vision-language model, whose configs have other defaults.
  package var isVision: Bool

  package init(isQwen35: Bool, hasExperts: Bool, isVision: Bool) {
    self.isQwen35 = isQwen35
    self.hasExperts = hasExperts
    self.isVision = isVision
  }

  /// How published checkpoints store the decoder's experts.
  var storage: ExpertStorage {
    if isQwen35 { return .packed }
    return isVision ? .packedTransposed : .perExpert
  }

  /// Source: the config classes of transformers 5.12.
  func defaultHeadDim(hidden: Int, heads: Int) -> Int {
    if isQwen35 { return 256 }
    return hasExperts ? hidden / heads : 128
  }

  /// Refuses, by name, what would change the set of weights in a way that is not described.
  package func refuseUnknownSwitches(_ text: Config) throws(Refusal) {
    try text.require("attention_bias", false, "Megatron has no place for o_proj.bias")
    try text.require("mlp_bias", false, "this family's MLPs have no biases")
    try text.requireSilu()
    if isQwen35 { try refuseQwen35Switches(text) } else { try refuseQwen3Switches(text) }
  }

  /// Refuses layout prime for models that prime-rl trains in the checkpoint's own names, and says what it drops.
  package func requirePrime(_ model: Model) throws(Refusal) {
    guard hasExperts, isQwen35 || !isVision else {
      throw model.fail("prime-rl has no layout of its own for \(model.architecture.string): give it the Hugging Face folder")
    }
    try model.dropPrimeBuffers()
  }

  private func refuseQwen35Switches(_ text: Config) throws(Refusal) {
    try text.require("attn_output_gate", true, "Qwen3.5 attention is gated")
    try text.require("mtp_use_dedicated_embeddings", false, "Megatron's MTP shares the embedding")
    try text.requireNone("mlp_only_layers", "in Qwen3.5 all layers have the same kind of MLP")
    _ = try text.size("decoder_sparse_step", default: 1, atMost: 1)
  }

  private func refuseQwen3Switches(_ text: Config) throws(Refusal) {
    for key in ["num_nextn_predict_layers", "mtp_num_hidden_layers"] {
      _ = try text.size(key, default: 0, atLeast: 0, atMost: 0)
    }
    try text.require("attn_output_gate", false, "Qwen3 attention has no gate")
    try refuseLinearLayers(text)
    guard !hasExperts else { return }
    _ = try text.size("num_experts", default: 0, atLeast: 0, atMost: 0)
  }

  /// Full and sliding attention have the same weights.
  private func refuseLinearLayers(_ text: Config) throws(Refusal) {
    for layer in 0..<(try text.count("layer_types")) {
      let key = "layer_types.\(layer)"
      guard let type = try text.text(key) else { throw text.refuse(key, "is not a name") }
      if type.matches("full_attention") || (type.matches("sliding_attention") && !isVision) { continue }
      throw text.refuse(key, "is \(type.string): Qwen3 layers have plain attention")
    }
  }
}
