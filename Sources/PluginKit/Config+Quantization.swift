extension Config {
  /// Refuses quantised checkpoints but those in E4M3 with a scale for each block of 128 x 128.
  package func requireBlockFP8() throws(Refusal) {
    guard has("quantization_config") else { return }
    let quantization = self["quantization_config"]
    guard try quantization.text("quant_method")?.matches("fp8") == true else {
      throw quantization.refuse("quant_method", "is not fp8: convert a bf16 or block-scaled fp8 checkpoint")
    }
    guard try quantization.integers("weight_block_size") == [128, 128] else {
      throw quantization.refuse("weight_block_size", "must be [128, 128]")
    }
  }
}
