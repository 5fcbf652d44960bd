import PluginKit

extension Config {
  /// Refuses, by name, what would change the set of weights in a way that Megatron's hybrid model has no place for.
  func refuseUnknownSwitches() throws(Refusal) {
    try requireNone("quantization_config", "quantised checkpoints are not supported; convert a bf16 one")
    let noBias = "Megatron-Bridge builds this family without biases in linear layers"
    for key in ["use_bias", "mlp_bias", "attention_bias", "mamba_proj_bias"] { try require(key, false, noBias) }
    for key in ["use_conv_bias", "mamba_conv_bias"] {
      try require(key, true, "Megatron's Mamba convolves with a bias")
    }
    for key in ["conv_kernel", "mamba_d_conv"] {
      guard try size(key, default: 4) == 4 else { throw refuse(key, "must be 4: Megatron's Mamba sees 4 positions") }
    }
    if let activation = try text("mlp_hidden_act"), !activation.matches("relu2") {
      throw refuse("mlp_hidden_act", "is \(activation.string): this family's MLPs have relu2 and no gate")
    }
    // Its size is moe_shared_expert_intermediate_size, whatever their number.
    _ = try size("n_shared_experts", default: 1)
  }
}
