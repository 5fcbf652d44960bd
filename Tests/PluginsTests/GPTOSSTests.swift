import MimoJSON
import MimoMapping
import MimoParallel
import MimoPluginHost
import MimoSystem
import MimoTensor
import Testing

/// What is special to gpt-oss.
struct GPTOSSTests {
  private func describe(_ path: String? = nil, _ value: JSONValue? = nil) throws -> ModelDescription {
    var config = try Fixture("gpt_oss").config
    if let path { config = config.with(path, value) }
    return try Described(ModelInput(config: config), layout: "megatron", family: "GPTOSS").model
  }

  /// Published sizes are square, so that only the declared form tells rows from columns.
  @Test func theFormTellsTheOrientation() throws {
    let model = try describe("intermediate_size", .integer(24))
    let shapes = Dictionary(uniqueKeysWithValues: model.sources.map { ($0.name, $0.shape) })
    #expect(shapes["model.layers.0.mlp.experts.gate_up_proj"] == GlobalShape([4, 64, 48]))
    #expect(shapes["model.layers.0.mlp.experts.down_proj"] == GlobalShape([4, 24, 64]))
    let targets = Dictionary(uniqueKeysWithValues: model.targets.map { ($0.globalName, $0.shape) })
    #expect(targets["decoder.layers.0.mlp.experts.linear_fc1.weight0"] == GlobalShape([48, 64]))
    #expect(targets["decoder.layers.0.mlp.experts.linear_fc2.weight0"] == GlobalShape([64, 24]))
  }

  @Test func expertBiasesCanNotBeCut() throws {
    let grid = try RankGrid(ComponentLayout(tp: 2, etp: 2), of: "language")
    let target = try #require(try describe().targets.first { $0.globalName.hasSuffix("linear_fc1.bias0") })
    let error = #expect(throws: MimoError.self) {
      try Sharding(
        of: target.globalName, shape: target.shape, placement: target.placement,
        at: ShardingSite(grid: grid, pipeline: try PipelineSplit(layers: 4, layout: grid.layout, of: "language")))
    }
    #expect(error?.description.contains("experts with biases need etp=1 in Megatron") == true)
    #expect(error?.description.contains("Use etp=1") == true)
  }

  static let refusals: [(String, JSONValue?, String)] = [
    ("attention_bias", .bool(false), "attention_bias is false"),
    ("tie_word_embeddings", .bool(true), "tie_word_embeddings is true"),
    ("hidden_act", .string("gelu"), "hidden_act is gelu"),
    ("quantization_config.quant_method", .string("gptq"), "quantization_config.quant_method is"),
    ("num_local_experts", nil, "num_experts is missing"),
    ("num_key_value_heads", .integer(3), "num_key_value_heads is 3"),
  ]

  @Test(arguments: refusals.indices) func unfitConfigsAreRefusedByTheKeysName(_ index: Int) throws {
    let (path, value, says) = Self.refusals[index]
    let error = #expect(throws: MimoError.self) { try describe(path, value) }
    #expect(error?.description.contains(says) == true, "\(String(describing: error))")
  }
}
