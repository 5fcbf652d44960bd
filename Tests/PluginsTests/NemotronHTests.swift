import MimoJSON
import MimoMapping
import MimoPluginHost
import MimoSystem
import MimoTensor
import Testing

/// What is special to Nemotron-H.
struct NemotronHTests {
  private func describe(
    _ name: String = "nemotron_h_moe_mtp", _ changes: [(String, JSONValue?)] = [], sources: [String: GlobalShape]? = nil
  ) throws -> Described {
    let config = changes.reduce(try Fixture(name).config) { $0.with($1.0, $1.1) }
    return try Described(ModelInput(config: config, sources: sources), layout: "megatron", family: "NemotronH")
  }

  /// Published checkpoints and both spellings of transformers 5.
  @Test(arguments: ["backbone.embeddings", "backbone.embedding", "model.embeddings", "model.embedding"])
  func namesAreThoseOfTheCheckpoint(_ embedding: String) throws {
    let fixture = try Fixture("nemotron_h_moe_mtp")
    let body = String(embedding.prefix { $0 != "." }) + "."
    let sources = fixture.sources.map { name, shape in
      let renamed = name == "backbone.embeddings.weight" ? embedding + ".weight" : name
      return (renamed.hasPrefix("backbone.") ? body + renamed.dropFirst("backbone.".count) : renamed, shape)
    }
    let described = try describe(sources: Dictionary(uniqueKeysWithValues: sources))
    #expect(Set(described.model.sources.map(\.name)) == Set(sources.map(\.0)))
    expectEqual(described.targets, try #require(fixture.shapes("full")))
  }

  @Test func layersMayBeGivenByWordsAlone() throws {
    let fixture = try Fixture("nemotron_h_moe_mtp")
    let described = try describe(
      "nemotron_h_moe_mtp",
      [("hybrid_override_pattern", nil), ("mtp_hybrid_override_pattern", nil), ("num_hidden_layers", nil)])
    expectEqual(described.targets, try #require(fixture.shapes("full")))
  }

  /// As transformers writes them from 5.13 on.
  @Test func layersMayBeGivenByTheWordsOfOtherFamilies() throws {
    func renamed(_ key: String) throws -> (String, JSONValue?) {
      let words = try #require(try Fixture("nemotron_h_moe_mtp").config[key]?.array).compactMap(\.string)
      let names = ["mamba": "linear_attention", "attention": "full_attention"]
      #expect(words.contains { names[$0] != nil })
      return (key, .array(words.map { .string(names[$0] ?? $0) }))
    }
    let changed = try describe(
      "nemotron_h_moe_mtp", [try renamed("layers_block_type"), try renamed("mtp_layers_block_type")])
    let described = try describe()
    expectEqual(changed.targets, described.targets)
    #expect(changed.model.providerFields == described.model.providerFields)
  }

  @Test func oneBlockThatIsRepeatedHasItsWeightsOnce() throws {
    let once = try describe()
    let twice = try describe("nemotron_h_moe_mtp", [("num_nextn_predict_layers", .integer(2))])
    expectEqual(twice.targets, once.targets)
    let pattern = ProviderField(path: "hybrid_layer_pattern", value: .string("ME*EM-/*E/*E"))
    #expect(twice.model.providerFields.contains(pattern))
  }

  @Test func blocksOfTheirOwnAreNumberedThrough() throws {
    let model = try describe(
      "nemotron_h_moe_mtp", [("num_nextn_predict_layers", .integer(2)), ("mtp_use_repeated_layer", .bool(false))]
    ).model
    let sources = Set(model.sources.map(\.name))
    #expect(sources.isSuperset(of: ["mtp.layers.2.eh_proj.weight", "mtp.layers.3.final_layernorm.weight"]))
    #expect(!sources.contains("mtp.layers.1.eh_proj.weight"))
    #expect(!sources.contains("mtp.layers.2.final_layernorm.weight"))
    let targets = Set(model.targets.map(\.globalName))
    #expect(targets.contains("mtp.layers.1.mtp_model_layer.layers.1.mlp.router.weight"))
  }

  @Test func latentExpertsWorkInASmallerSpace() throws {
    let targets = try describe("nemotron_h_moe", [("moe_latent_size", .integer(24))]).targets
    #expect(targets["decoder.layers.1.mlp.fc1_latent_proj.weight"] == GlobalShape([24, 48]))
    #expect(targets["decoder.layers.1.mlp.fc2_latent_proj.weight"] == GlobalShape([48, 24]))
    #expect(targets["decoder.layers.1.mlp.experts.linear_fc1.weight3"] == GlobalShape([40, 24]))
    #expect(targets["decoder.layers.1.mlp.shared_experts.linear_fc1.weight"] == GlobalShape([56, 48]))
  }

  @Test func correctionBiasesAreBuffersInF32() throws {
    let model = try describe().model
    let buffers = model.targets.filter { $0.kind == .buffer }
    #expect(buffers.count == 3)
    #expect(buffers.allSatisfy { $0.globalName.hasSuffix(".router.expert_bias") && $0.dtype == .f32 })
    let published = model.sources.filter { $0.published == .f32 }.map(\.name)
    #expect(Set(published) == (try Fixture("nemotron_h_moe_mtp").f32Sources))
  }

  static let refusals: [(String, JSONValue?, String)] = [
    ("use_bias", .bool(true), "use_bias is true"),
    ("mlp_bias", .bool(true), "mlp_bias is true"),
    ("attention_bias", .bool(true), "attention_bias is true"),
    ("mamba_proj_bias", .bool(true), "mamba_proj_bias is true"),
    ("use_conv_bias", .bool(false), "use_conv_bias is false"),
    ("conv_kernel", .integer(3), "conv_kernel must be 4"),
    ("mlp_hidden_act", .string("silu"), "mlp_hidden_act is silu"),
    ("quantization_config", .object(["bits": .integer(8)]), "quantization_config"),
    ("hybrid_override_pattern", .string("MXM"), "hybrid_override_pattern has other letters"),
    ("hybrid_override_pattern", .string("MMMMMM"), "layers_block_type and hybrid_override_pattern name different"),
    ("layers_block_type.0", .string("rnn"), "layers_block_type"),
    ("num_hidden_layers", .integer(7), "num_hidden_layers is 7, but there is a list of 6"),
    ("n_groups", .integer(3), "n_groups is 3"),
    ("moe_intermediate_size", nil, "moe_intermediate_size is missing"),
  ]

  @Test(arguments: refusals.indices) func unfitConfigsAreRefusedByTheKeysName(_ index: Int) throws {
    let (path, value, says) = Self.refusals[index]
    let error = #expect(throws: MimoError.self) { try describe("nemotron_h_moe_mtp", [(path, value)]) }
    #expect(error?.description.contains(says) == true, "\(String(describing: error))")
  }
}
