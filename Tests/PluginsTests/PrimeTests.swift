import Foundation
import MimoJSON
import MimoMapping
import MimoPluginHost
import MimoSystem
import MimoTensor
import Testing

/// Layout prime, and the families that have no other.
struct PrimeTests {
  static func config(_ name: String) throws -> JSONValue {
    let path = Places.package.appending(path: "Tests/Fixtures/configs/\(name).json").path
    return try JSONParser.parse(try FileSystem.readSmallFile(path))
  }

  private static func laguna(_ sources: [String]) throws -> ModelDescription {
    let known = Dictionary(uniqueKeysWithValues: sources.map { ($0, GlobalShape([1])) })
    let input = ModelInput(config: try config("Laguna-XS-2.1"), sources: known)
    return try Described(input, layout: "prime", family: "Laguna").model
  }

  static let families = ["qwen3_moe", "qwen3_moe_fused", "qwen3_5_moe", "qwen3_5_vl_moe", "glm4_moe", "glm_moe_dsa",
    "minimax_m2", "nemotron_h_moe", "gpt_oss"]

  /// What Megatron has no place for (copies, dropped layers) prime-rl may keep, and the other way round; the rest is one.
  @Test(arguments: families) func bothLayoutsReadTheSameCheckpoint(_ name: String) throws {
    let fixture = try Fixture(name)
    let declared = try Described(fixture, layout: "prime").model.sources.map { ($0.name, $0.shape) }
    expectEqual(Dictionary(uniqueKeysWithValues: declared), fixture.sources)
  }

  @Test(arguments: families) func nothingIsCutOrNumberedByRanks(_ name: String) throws {
    for target in try Described(try Fixture(name), layout: "prime").model.targets {
      #expect(target.placement.split == .none && target.layer == nil && target.placement.expert == nil, "\(target.name)")
    }
  }

  @Test func expertsOfEitherFormAreOneStack() throws {
    let stacks = try ["qwen3_moe", "qwen3_moe_fused"].map { name in
      let model = try Described(try Fixture(name), layout: "prime").model
      return Dictionary(uniqueKeysWithValues: model.targets.map { ($0.globalName, $0.shape) })
    }
    expectEqual(stacks[0], stacks[1])
    #expect(stacks[0]["model.layers.0.mlp.experts.w2"] == GlobalShape([8, 48, 40]))
  }

  @Test func nemotronHasAnEmptyGateAndALossyBias() throws {
    let model = try Described(try Fixture("nemotron_h_moe"), layout: "prime").model
    let gate = try #require(model.targets.first { $0.globalName == "model.layers.1.mlp.experts.w3" })
    #expect(gate.shape == GlobalShape([0]) && gate.dtype == .f32 && gate.fragments.isEmpty)
    let lossy = model.targets.filter { $0.fragments.contains { $0.kernel?.isLossy == true } }.map(\.globalName)
    #expect(lossy == [1, 4, 6].map { "model.layers.\($0).mlp.router.e_score_correction_bias" })
    try Coverage.prove(model)
  }

  @Test func nemotronDropsPredictionLayersByNameAndSaysSoInTheConfig() throws {
    let model = try Described(try Fixture("nemotron_h_moe_mtp"), layout: "prime").model
    #expect(model.drops.map(\.pattern).contains("mtp.*"))
    #expect(model.configOverrides.map(\.path) == ["num_nextn_predict_layers"])
  }

  @Test(arguments: ["qwen3", "qwen3_vl_moe"]) func modelsThatPrimeTrainsAsTheyAreAreRefused(_ name: String) throws {
    let error = #expect(throws: MimoError.self) { try Described(try Fixture(name), layout: "prime") }
    #expect(error?.description.contains("prime-rl has no layout of its own for") == true)
  }

  // MARK: - Laguna

  @Test(arguments: [
    ([], "shared_expert", "experts"), (["shared_experts.gate_proj.weight"], "shared_experts", "experts"),
    (["gate.e_score_correction_bias"], "shared_expert", "gate"),
    (["gate.e_score_correction_bias", "experts.e_score_correction_bias"], "shared_expert", "experts"),
    (["shared_experts.gate_proj.weight", "shared_expert.gate_proj.weight"], "shared_expert", "experts"),
  ]) func lagunaFindsTheSharedExpertAndTheBias(present: [String], shared: String, bias: String) throws {
    let model = try PrimeTests.laguna((1..<40).flatMap { layer in present.map { "model.layers.\(layer).mlp.\($0)" } })
    let names = Set(model.sources.map(\.name))
    #expect(names.contains("model.layers.7.mlp.\(shared).up_proj.weight"))
    #expect(names.contains("model.layers.7.mlp.\(bias).e_score_correction_bias"))
    let targets = Set(model.targets.map(\.globalName))
    #expect(targets.isSuperset(of: ["model.layers.7.shared_expert.w3.weight", "model.layers.7.mlp.expert_bias"]))
  }

  @Test(arguments: [
    (JSONValue.string("per-head"), 64), (.string("per-element"), 64 * 128), (.bool(true), 64 * 128), (.bool(false), 0),
    (nil, 64),
  ]) func lagunaGatesByHeadOrByElement(gating: JSONValue?, rows: Int) throws {
    let config = try PrimeTests.config("Laguna-XS-2.1").with("gating", gating)
    let model = try Described(ModelInput(config: config), layout: "prime", family: "Laguna").model
    let gate = model.sources.first { $0.name == "model.layers.1.self_attn.g_proj.weight" }
    #expect((gate?.shape.dims[0] ?? 0) == rows)
  }

  static let unfit: [(String, String, JSONValue?, String)] = [
    ("Laguna-XS-2.1", "gating", .string("per-token"), "gating is none of"),
    ("Laguna-XS-2.1", "num_attention_heads_per_layer.0", .integer(0), "num_attention_heads_per_layer"),
    ("Laguna-XS-2.1", "num_attention_heads_per_layer", .array([.integer(48)]), "per_layer has 1 entries for 40"),
    ("Laguna-XS-2.1", "mlp_layer_types", .array([.string("dense")]), "mlp_layer_types has 1 entries for 40"),
    ("Laguna-XS-2.1", "mlp_layer_types", .array(Array(repeating: .string("moe"), count: 40)), "mlp_layer_types.0 is neither"),
    ("Laguna-XS-2.1", "mlp_only_layers", .array([.integer(3)]), "do not agree on layer 0"),
    ("Laguna-XS-2.1", "decoder_sparse_step", .integer(2), "decoder_sparse_step is 2"),
    ("Laguna-XS-2.1", "hidden_act", .string("gelu"), "hidden_act is gelu"),
    ("Laguna-XS-2.1", "mlp_bias", .bool(true), "mlp_bias is true"),
    ("Trinity-Nano", "num_dense_layers", .integer(57), "num_dense_layers is 57"),
    ("Trinity-Nano", "num_key_value_heads", .integer(3), "num_key_value_heads is 3"),
    ("Trinity-Nano", "mlp_bias", .bool(true), "mlp_bias is true"),
    ("Trinity-Nano", "quantization_config", .object(["quant_method": .string("awq")]), "quantization_config"),
  ]

  @Test(arguments: unfit.indices) func unfitConfigsAreRefusedByTheKeysName(_ index: Int) throws {
    let (name, key, value, says) = Self.unfit[index]
    let config = try PrimeTests.config(name).with(key, value)
    let family = name.hasPrefix("Laguna") ? "Laguna" : "AFMoE"
    let error = #expect(throws: MimoError.self) {
      try Described(ModelInput(config: config), layout: "prime", family: family)
    }
    #expect(error?.description.contains(says) == true, "\(String(describing: error))")
  }

  /// The biases that transformers' modules have too.
  @Test(arguments: ["Laguna-XS-2.1", "Trinity-Nano"]) func attentionMayHaveBiases(_ name: String) throws {
    let config = try PrimeTests.config(name).with("attention_bias", .bool(true))
    let family = name.hasPrefix("Laguna") ? "Laguna" : "AFMoE"
    let model = try Described(ModelInput(config: config), layout: "prime", family: family).model
    let biases = model.targets.map(\.globalName).filter { $0.hasPrefix("model.layers.0.") && $0.hasSuffix("_proj.bias") }
    #expect(Set(biases) == Set(["q", "k", "v", "o"].map { "model.layers.0.self_attn.\($0)_proj.bias" }))
  }
}
