import PluginKit

extension Architecture {
  /// Refuses, by name, what would change the set of weights in a way that this family does not describe.
  func refuseUnknownSwitches(_ config: Config) throws(Refusal) {
    let text = config["text_config"]
    let vision = config["vision_config"]
    for part in [config, text, vision] {
      try part.requireNone("quantization_config", "quantised checkpoints are not supported; convert a bf16 one")
    }
    try text.require("attention_bias", false, "Megatron has no place for o_proj.bias")
    try text.require("mlp_bias", false, "this family's MLPs have no biases")
    if let activation = try text.text("hidden_act"), !activation.matches("silu") {
      throw text.refuse("hidden_act", "is \(activation.string): this family's MLPs are gated by silu")
    }
    if isQwen35 { try refuseQwen35Switches(text, vision) } else { try refuseQwen3Switches(text) }
  }

  private func refuseQwen35Switches(_ text: Config, _ vision: Config) throws(Refusal) {
    try text.require("attn_output_gate", true, "Qwen3.5 attention is gated")
    try text.require("mtp_use_dedicated_embeddings", false, "Megatron's MTP shares the embedding")
    try text.requireNone("mlp_only_layers", "in Qwen3.5 all layers have the same kind of MLP")
    _ = try text.size("decoder_sparse_step", default: 1, atMost: 1)
    try vision.requireNone("deepstack_visual_indexes", "Qwen3.5 has no deepstack mergers")
  }

  private func refuseQwen3Switches(_ text: Config) throws(Refusal) {
    for key in ["num_nextn_predict_layers", "mtp_num_hidden_layers"] {
      _ = try text.size(key, default: 0, atLeast: 0, atMost: 0)
    }
    try text.require("attn_output_gate", false, "Qwen3-VL attention has no gate")
    try text.requireNone("layer_types", "in Qwen3-VL all layers have the same kind of attention")
    guard !hasExperts else { return }
    _ = try text.size("num_experts", default: 0, atLeast: 0, atMost: 0)
  }
}
