import MimoJSON
import MimoPluginHost
import MimoSystem
import Testing

/// What would change the set of weights, and is not known, is refused by the key's name.
struct RefusalTests {
  struct Unfit: CustomTestStringConvertible {
    let model: String
    let key: String
    let value: JSONValue?
    let says: String

    init(_ model: String, _ key: String, _ value: JSONValue?, _ says: String) {
      (self.model, self.key, self.value, self.says) = (model, key, value, says)
    }

    var testDescription: String { "\(model): \(key)" }
  }

  static let unfit = [
    Unfit("qwen3", "attention_bias", .bool(true), "attention_bias is true"),
    Unfit("qwen3", "mtp_num_hidden_layers", .integer(1), "mtp_num_hidden_layers is 1"),
    Unfit("qwen3", "layer_types", .array([.string("linear_attention")]), "layer_types.0 is linear_attention"),
    Unfit("qwen3_moe", "num_local_experts", nil, "num_experts is missing"),
    Unfit("qwen3_moe", "quantization_config", .object(["bits": .integer(8)]), "quantization_config.quant_method is none that"),
    Unfit("qwen3_5_moe", "attn_output_gate", .bool(false), "attn_output_gate is false"),
    Unfit("glm4_moe", "tie_word_embeddings", .bool(true), "tie_word_embeddings is true"),
    Unfit("glm4_moe", "hidden_act", .string("gelu"), "hidden_act is gelu"),
    Unfit("glm4_moe", "first_k_dense_replace", nil, "first_k_dense_replace is missing"),
    Unfit("glm_moe_dsa", "attention_bias", .bool(true), "attention_bias is true"),
    Unfit("glm_moe_dsa", "index_topk_freq", .integer(2), "index_topk_freq is 2"),
    Unfit("glm_moe_dsa", "indexer_types", .array([.string("shared")]), "indexer_types.0 is not full"),
    Unfit("glm_moe_dsa", "mlp_layer_types", .array([.string("sparse")]), "mlp_layer_types.0 is not what"),
    Unfit("minimax_m2", "use_qk_norm", .bool(false), "use_qk_norm is false"),
    Unfit("minimax_m2", "use_routing_bias", .bool(false), "use_routing_bias is false"),
    Unfit("minimax_m2", "shared_intermediate_size", .integer(8), "shared_intermediate_size is 8"),
    Unfit("minimax_m2", "attn_type_list", .array([.integer(1), .integer(0)]), "attn_type_list.1 is 0"),
    Unfit("minimax_m2", "qk_norm_type", .string("per_head"), "qk_norm_type is per_head"),
    Unfit("deepseek_v3", "attention_bias", .bool(true), "attention_bias is true"),
    Unfit("deepseek_v3", "q_lora_rank", .null, "q_lora_rank is missing"),
    Unfit("deepseek_v3", "moe_layer_freq", .integer(2), "moe_layer_freq is 2"),
    Unfit("deepseek_v3", "topk_method", .string("greedy"), "topk_method is greedy"),
    Unfit(
      "deepseek_v3", "quantization_config", .object(["quant_method": .string("gptq")]),
      "quantization_config.quant_method is none that"),
    Unfit(
      "deepseek_v3", "quantization_config",
      .object(["quant_method": .string("fp8"), "weight_block_size": .array([.integer(64)])]),
      "quantization_config.weight_block_size must be two sizes"),
  ]

  @Test(arguments: unfit) func theKeyIsNamed(_ unfit: Unfit) throws {
    let fixture = try Fixture(unfit.model)
    let input = ModelInput(config: fixture.config.with(unfit.key, unfit.value))
    let error = #expect(throws: MimoError.self) {
      try Described(input, layout: "megatron", family: fixture.family)
    }
    #expect(error?.description.contains(unfit.says) == true, "\(String(describing: error))")
  }

  @Test func predictionLayersWithoutAPlaceAreLeftOutByName() throws {
    let config = try Fixture("glm_moe_dsa").config.with("num_nextn_predict_layers", .integer(1))
    let model = try Described(ModelInput(config: config), layout: "megatron", family: "GLM4MoE").model
    #expect(model.drops.map(\.pattern) == ["model.layers.4.*"])
    #expect(model.configOverrides.map(\.path) == ["num_nextn_predict_layers"])
    #expect(!model.targets.contains { $0.name.hasPrefix("mtp.") })
  }

  @Test func deepSeeksPredictionLayerIsMegatrons() throws {
    let config = try Fixture("deepseek_v3").config.with("num_nextn_predict_layers", .integer(1))
    let model = try Described(ModelInput(config: config), layout: "megatron", family: "DeepSeekV3").model
    let names = Set(model.targets.map(\.name))
    #expect(names.contains("mtp.layers.0.mtp_model_layer.self_attention.linear_kv_up_proj.weight"))
    #expect(names.contains("mtp.layers.0.final_layernorm.weight"))
    #expect(model.ties.map(\.duplicate) == ["model.layers.4.embed_tokens.weight", "model.layers.4.shared_head.head.weight"])
    #expect(model.aliases.map(\.name) == ["embedding.word_embeddings.weight"])
  }
}
