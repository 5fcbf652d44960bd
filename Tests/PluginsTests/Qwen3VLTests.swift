import Foundation
import MimoJSON
import MimoMapping
import MimoParallel
import MimoPluginHost
import MimoSystem
import MimoTensor
import Testing

/// What is special to the family.
struct Qwen3VLTests {
  @Test(arguments: ["qwen3_5_vl", "qwen3_5_vl_tied"]) func declaresExactlyTheMimoCheckpoint(_ name: String) throws {
    let fixture = try Fixture(name)
    let described = try Described(fixture, layout: "mimo")
    expectEqual(described.distributed, try #require(fixture.shapes("mimo", "dist")))
    expectEqual(described.states, try #require(fixture.shapes("mimo", "state")))
  }

  @Test func publishedDtypesAreTheReferencesOwn() throws {
    let fixture = try Fixture("qwen3_5_vl_tied")
    let model = try Described(fixture, layout: "megatron").model
    #expect(Set(model.sources.filter { $0.published == .f32 }.map(\.name)) == fixture.f32Sources)
  }

  @Test func mimoDropsMTPByNameAndSaysSoInTheConfig() throws {
    let model = try Described(try Fixture("qwen3_5_vl"), layout: "mimo").model
    #expect(model.drops.map(\.pattern) == ["mtp.*"])
    #expect(!model.sources.contains { $0.name.hasPrefix("mtp.") })
    #expect(model.configOverrides.map(\.path) == ["text_config.mtp_num_hidden_layers"])
    #expect(model.configOverrides.map(\.value) == [.int(0)])
  }

  @Test(arguments: [
    ("qwen3_vl", "megatron", [String]()),
    ("qwen3_vl_tied", "megatron", ["output_layer.weight"]),
    ("qwen3_5_vl", "megatron", ["embedding.word_embeddings.weight"]),
    ("qwen3_5_vl", "mimo", []),
    ("qwen3_5_vl_tied", "megatron", ["embedding.word_embeddings.weight", "output_layer.weight"]),
  ]) func lastStageHoldsCopiesOfTheEmbedding(_ name: String, _ layout: String, _ copies: [String]) throws {
    let model = try Described(try Fixture(name), layout: layout).model
    #expect(model.aliases.map(\.name) == copies)
    #expect(model.ties.map(\.duplicate) == (name.hasSuffix("tied") ? ["lm_head.weight"] : []))
  }

  @Test func someLayersDenseMakesKeysPerLayer() throws {
    let config = try Fixture("qwen3_vl_moe").config.with("text_config.mlp_only_layers", .array([.integer(1)]))
    let described = try Described(ModelInput(config: config), layout: "megatron")
    let keys = Set(described.distributed.keys)
    #expect(keys.contains("language_model.decoder.layers.1.mlp.linear_fc1.weight"))
    #expect(keys.contains("language_model.decoder.layers.2.mlp.experts.experts.linear_fc1.weight"))
    #expect(keys.contains("vision_model.decoder.layers.mlp.linear_fc1.weight"))
    #expect(!keys.contains("language_model.decoder.layers.1.mlp.router.weight"))
  }

  @Test func sparseStepCountsFromOne() throws {
    let config = try Fixture("qwen3_vl_moe").config.with("text_config.decoder_sparse_step", .integer(2))
    let keys = Set(try Described(ModelInput(config: config), layout: "megatron").distributed.keys)
    #expect(keys.contains("language_model.decoder.layers.0.mlp.linear_fc1.weight"))
    #expect(keys.contains("language_model.decoder.layers.1.mlp.router.weight"))
  }

  @Test func layersMayFollowAnInterval() throws {
    let fixture = try Fixture("qwen3_5_vl")
    let config = fixture.config.with("text_config.layer_types", nil)
    let described = try Described(ModelInput(config: config, sources: fixture.sources), layout: "megatron")
    expectEqual(described.targets, try #require(fixture.shapes("full")))
  }

  static let refusals: [(String, String, JSONValue?, String)] = [
    ("qwen3_vl", "text_config.attention_bias", .bool(true), "text_config.attention_bias is true"),
    ("qwen3_vl", "text_config.num_key_value_heads", .integer(3), "text_config.num_key_value_heads is 3"),
    ("qwen3_vl", "text_config.hidden_size", nil, "text_config.hidden_size is missing"),
    ("qwen3_vl", "text_config.hidden_size", .string("48"), "text_config.hidden_size is a string, must be an integer"),
    ("qwen3_vl", "text_config.hidden_size", .integer(1 << 40), "text_config.hidden_size is 1099511627776"),
    ("qwen3_vl", "text_config.num_hidden_layers", .integer(-1), "text_config.num_hidden_layers is -1"),
    ("qwen3_vl", "text_config.hidden_act", .string("relu"), "text_config.hidden_act is relu"),
    ("qwen3_vl", "text_config", nil, "text_config is missing"),
    ("qwen3_vl", "vision_config", nil, "vision_config.hidden_size is missing"),
    ("qwen3_vl", "quantization_config", .object(["bits": .integer(8)]), "quantization_config.quant_method is none"),
    ("qwen3_vl", "text_config.mtp_num_hidden_layers", .integer(1), "mtp_num_hidden_layers is 1"),
    ("qwen3_vl_moe", "text_config.mlp_only_layers", .array([.integer(4)]), "mlp_only_layers names layer 4 of 4"),
    ("qwen3_5_vl", "text_config.attn_output_gate", .bool(false), "attn_output_gate is false"),
    ("qwen3_5_vl", "text_config.mtp_num_hidden_layers", .integer(2), "mtp_num_hidden_layers is 2"),
    ("qwen3_5_vl", "text_config.mtp_use_dedicated_embeddings", .bool(true), "mtp_use_dedicated_embeddings is true"),
    ("qwen3_5_vl", "vision_config.deepstack_visual_indexes", .array([.integer(0)]), "deepstack_visual_indexes is set"),
    ("qwen3_5_vl", "text_config.layer_types", .array([.string("full_attention")]), "layer_types has 1 entries for 8"),
    (
      "qwen3_5_vl", "text_config.layer_types", .array(Array(repeating: .string("sliding_attention"), count: 8)),
      "layer_types.0 is neither"
    ),
  ]

  @Test(arguments: refusals.indices) func unfitConfigsAreRefusedByTheKeysName(_ index: Int) throws {
    let (name, path, value, says) = Self.refusals[index]
    let config = try Fixture(name).config.with(path, value)
    let error = #expect(throws: MimoError.self) { try Described(ModelInput(config: config), layout: "megatron") }
    #expect(error?.description.contains(says) == true, "\(String(describing: error))")
  }

  @Test func anotherFamilysModelIsRefused() throws {
    let config = try Fixture("qwen3_vl").config.with("architectures", .array([.string("LlamaForCausalLM")]))
    let error = #expect(throws: MimoError.self) { try Described(ModelInput(config: config), layout: "mimo") }
    #expect(error?.description.contains("serves Qwen3VLForConditionalGeneration") == true)
  }

  @Test func descriptionsArePrintedForReadersAndMachines() throws {
    let plugin = try Described.plugin()
    let model = try plugin.describe(try Fixture("qwen3_vl").input, layout: "mimo")
    let description = PluginDescription(plugin.info, layout: "mimo", model)
    #expect(description.text.contains("language_model.decoder.layers.0.self_attention.linear_qkv.weight [128, 48]"))
    #expect(description.text.contains("  <- model.language_model.layers.0.self_attn.q_proj.weight [64, 48]"))
    let targets = try #require(description.json["model.targets"]?.array)
    #expect(targets.count == model.targets.count)
  }
}

/// Storage forms of experts.
struct ExpertStorageTests {
  private func sources(_ fixture: Fixture, _ change: (inout [String: GlobalShape]) -> Void) -> [String: GlobalShape] {
    var sources = fixture.sources
    change(&sources)
    return sources
  }

  /// hidden = 2 x intermediate, so that `gate_up_proj` is square.
  private func square() throws -> ModelInput {
    let fixture = try Fixture("qwen3_vl_moe")
    let config = fixture.config.with("text_config.moe_intermediate_size", .integer(24))
    let sources = fixture.sources.mapValues { shape in
      switch shape.dims {
      case [4, 80, 48]: GlobalShape([4, 48, 48])
      case [4, 48, 40]: GlobalShape([4, 48, 24])
      default: shape
      }
    }
    return ModelInput(config: config, sources: sources)
  }

  @Test func squareExpertsMustBeDeclared() throws {
    let error = #expect(throws: MimoError.self) { try Described(try square(), layout: "megatron") }
    #expect(error?.description.contains("--expert-storage packed") == true)
    #expect(error?.description.contains("layers.0.mlp.experts.gate_up_proj") == true)
  }

  @Test(arguments: [("packed", [4, 48, 24]), ("packed_transposed", [4, 24, 48])])
  func theOptionTellsTheOrientation(_ option: String, _ down: [Int]) throws {
    var input = try square()
    input.options = ["expert_storage": option]
    let model = try Described(input, layout: "megatron").model
    let source = try #require(model.sources.first { $0.name.hasSuffix("layers.0.mlp.experts.down_proj") })
    #expect(Array(source.shape.dims) == down)
  }

  @Test(arguments: [
    ("qwen3_vl_moe", "layers.0.mlp.experts.gate_up_proj", [4, 48, 80]),
    ("qwen3_5_vl_moe", "model.language_model.layers.0.mlp.experts.gate_up_proj", [4, 80, 48]),
    ("qwen3_5_vl_moe", "mtp.layers.0.mlp.experts.3.up_proj.weight", [40, 48]),
  ]) func withoutACheckpointTheFormIsThePublishedOne(_ name: String, _ source: String, _ shape: [Int]) throws {
    let model = try Described(ModelInput(config: try Fixture(name).config), layout: "megatron").model
    #expect(model.sources.first { $0.name.hasSuffix(source) }.map { Array($0.shape.dims) } == shape)
  }

  @Test func withoutACheckpointTheOptionDecides() throws {
    let config = try Fixture("qwen3_5_vl_moe").config
    let input = ModelInput(config: config, options: ["expert_storage": "per_expert"])
    let model = try Described(input, layout: "megatron").model
    #expect(!model.sources.contains { $0.name.hasSuffix("gate_up_proj") })
  }

  @Test func anUnknownFormIsRefused() throws {
    let input = ModelInput(config: try Fixture("qwen3_5_vl_moe").config, options: ["expert_storage": "zip"])
    let error = #expect(throws: MimoError.self) { try Described(input, layout: "megatron") }
    #expect(error?.description.contains("--expert-storage zip is not one of") == true)
  }

  @Test func anOptionAgainstTheKeysIsRefused() throws {
    var input = try Fixture("qwen3_5_vl_moe_fused").input
    input.options = ["expert_storage": "per_expert"]
    let error = #expect(throws: MimoError.self) { try Described(input, layout: "megatron") }
    #expect(error?.description.contains("but the checkpoint holds model.language_model.layers.0.mlp.experts") == true)
  }
}
