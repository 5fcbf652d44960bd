import MimoJSON
import MimoMapping
import MimoPluginHost
import Testing

/// The provider fields against the run_config.yaml files that the reference wrote.
struct ProviderTests {
  static let families = [
    "qwen3_vl", "qwen3_vl_tied", "qwen3_vl_moe", "qwen3_5_vl", "qwen3_5_vl_tied", "qwen3_5_vl_moe",
  ]

  static let languageModels = [
    "qwen3", "qwen3_tied", "qwen3_moe", "qwen3_5_moe", "glm4_moe", "glm_moe_dsa", "minimax_m2", "deepseek_v3",
    "nemotron_h", "nemotron_h_moe", "nemotron_h_moe_mtp", "gpt_oss",
  ]

  @Test(arguments: families + languageModels) func fieldsEqualTheReferences(_ name: String) throws {
    let fixture = try Fixture(name)
    let expected = try #require(fixture.json["provider"]?.object)
    let model = try Described(fixture, layout: "megatron").model
    #expect(model.providerClass.map { .string($0) } == expected["_target_"])
    for (path, value) in flat(model.providerFields, fixture.config) {
      let reference = expected[path]
      #expect(equal(value, reference), "\(path) is \(value), the reference says \(String(describing: reference))")
    }
  }

  /// Without these the trainer builds other shapes, or a model that computes something else.
  @Test(arguments: families) func nothingThatChangesTheModelIsLeftOut(_ name: String) throws {
    let fixture = try Fixture(name)
    let written = Set(try Described(fixture, layout: "megatron").model.providerFields.map(\.path))
    var needed: Set = [
      "num_layers", "hidden_size", "num_attention_heads", "num_query_groups", "kv_channels", "vocab_size", "bf16",
      "share_embeddings_and_output_weights", "vision_config", "vision_config.depth", "vision_config.hidden_size",
      "vision_config.intermediate_size", "vision_config.num_position_embeddings", "vision_config.out_hidden_size",
      "vision_config.patch_size", "vision_config.spatial_merge_size", "vision_config.temporal_patch_size",
      "vision_config.in_channels", "vision_config.num_heads", "vision_config.dtype", "add_qkv_bias", "add_bias_linear",
      "gated_linear_unit", "normalization", "activation_func", "layernorm_epsilon", "rotary_base", "mrope_section",
      "hidden_dropout", "seq_length", "image_token_id", "video_token_id", "vision_start_token_id",
      "vision_end_token_id", "bos_token_id", "eos_token_id", "params_dtype",
    ]
    if name.contains("moe") { needed.formUnion(["num_moe_experts", "moe_ffn_hidden_size", "moe_router_topk"]) }
    if name.hasPrefix("qwen3_vl") { needed.insert("vision_config.deepstack_visual_indexes") }
    if name == "qwen3_5_vl_moe" {
      needed.insert("moe_shared_expert_intermediate_size")
    } else {
      needed.insert("ffn_hidden_size")
    }
    if name.hasPrefix("qwen3_5") {
      needed.formUnion([
        "linear_key_head_dim", "linear_value_head_dim", "linear_num_key_heads", "linear_num_value_heads",
        "linear_attention_freq", "mtp_num_layers", "rotary_percent",
      ])
    }
    #expect(needed.subtracting(written).sorted() == [])
  }

  /// Its class has none of these on.
  @Test func everyFusionThatDeepSeeksTrainerTurnsOnIsSaid() throws {
    let fixture = try Fixture("deepseek_v3")
    let reference = try #require(fixture.json["provider"]?.object).members.filter { $0.0.hasSuffix("_fusion") && $0.1 == .bool(true) }
    let written = try Described(fixture, layout: "megatron").model.providerFields.filter { $0.value == .bool(true) }.map(\.path)
    #expect(Set(reference.map(\.0)).isSubset(of: written))
  }

  @Test func theStoredDtypeDecides() throws {
    let fixture = try Fixture("qwen3_vl")
    let input = ModelInput(config: fixture.config, sources: fixture.sources, options: ["dtype": "float32"])
    let fields = try Described(input, layout: "megatron").model.providerFields
    #expect(fields.contains(ProviderField(path: "bf16", value: .bool(false))))
    #expect(fields.contains(ProviderField(path: "params_dtype", value: .name("torch.float32"))))
  }

  @Test func mimoBuildsNoMTP() throws {
    let fields = try Described(try Fixture("qwen3_5_vl"), layout: "mimo").model.providerFields
    #expect(fields.contains(ProviderField(path: "mtp_num_layers", value: .null)))
  }

  @Test func mixedLayersAreSaidToTheTrainer() throws {
    let config = try Fixture("qwen3_vl_moe").config.with("text_config.mlp_only_layers", .array([.integer(1)]))
    let fields = try Described(ModelInput(config: config), layout: "megatron").model.providerFields
    #expect(fields.contains(ProviderField(path: "moe_layer_freq", value: .ints([1, 0, 1, 1]))))
  }

  @Test func ropeScalingOfOlderConfigsWins() throws {
    let config = try Fixture("qwen3_vl").config.with("text_config.rope_scaling.mrope_section", .array([.integer(7)]))
      .with("text_config.rope_theta", .integer(5))
    let fields = try Described(ModelInput(config: config), layout: "megatron").model.providerFields
    #expect(
      fields.contains(ProviderField(path: "mrope_section", value: .config("text_config.rope_scaling.mrope_section"))))
    #expect(fields.contains(ProviderField(path: "rotary_base", value: .config("text_config.rope_theta"))))
  }

  /// Fields as the YAML file has them, by dotted path.
  private func flat(_ fields: [ProviderField], _ config: JSONValue) -> [(String, JSONValue)] {
    fields.flatMap { field -> [(String, JSONValue)] in
      switch field.value {
      case .null: [(field.path, .null)]
      case .bool(let flag): [(field.path, .bool(flag))]
      case .int(let number): [(field.path, .integer(number))]
      case .float(let number): [(field.path, .double(number))]
      case .string(let text): [(field.path, .string(text))]
      case .ints(let numbers): [(field.path, .array(numbers.map { .integer($0) }))]
      case .config(let path): [(field.path, config[path] ?? .string("no such key"))]
      case .target(let name): [(field.path + "._target_", .string(name))]
      case .name(let name): [(field.path + "._target_", .string(name)), (field.path + "._call_", .bool(false))]
      case .remove: []
      }
    }
  }

  private func equal(_ a: JSONValue, _ b: JSONValue?) -> Bool {
    if let x = a.double, let y = b?.double { return x == y }
    return a == b
  }
}
