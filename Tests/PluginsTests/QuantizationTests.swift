import MimoJSON
import MimoMapping
import MimoPluginHost
import MimoSystem
import MimoTensor
import Testing

/// Checkpoints whose weights are codes and scales, as families declare them.
@Suite struct QuantizationTests {
  static let fp8: JSONValue = .object([
    "quant_method": .string("fp8"), "fmt": .string("e4m3"), "weight_block_size": .array([.integer(128), .integer(128)]),
  ])
  static let mxfp4: JSONValue = .object(["quant_method": .string("mxfp4")])

  @Test(arguments: ["minimax_m2", "deepseek_v3"], ["megatron", "prime"])
  func scalesBesideAMatrixMakeItCodes(family: String, layout: String) throws {
    let fixture = try Fixture(family)
    let plugin = try Described.plugin(fixture.family)
    guard plugin.info.layouts.contains(layout) else { return }
    var sources = fixture.sources
    let matrices = sources.filter { $0.value.rank == 2 && $0.key.contains("_proj.") }.map(\.key)
    for name in matrices { sources[name + "_scale_inv"] = GlobalShape([1, 1]) }
    let config = fixture.config.with("quantization_config", Self.fp8)
    let model = try plugin.describe(ModelInput(config: config, sources: sources), layout: layout)
    try Coverage.prove(model)
    #expect(!matrices.isEmpty)
    for source in model.sources {
      let expected = matrices.contains(source.name)
        ? Encoding(.fp8Block(rows: 128, columns: 128), codes: source.name, scales: source.name + "_scale_inv") : nil
      #expect(source.encoding == expected, "\(source.name)")
    }
    #expect(model.configOverrides.map(\.path) == ["quantization_config"])
    #expect(model.configOverrides.map(\.value) == [.remove])

    // An export writes the same tensors as plain values.
    let input = ModelInput(config: config, sources: sources, options: ["quantized": "no"])
    let plain = try plugin.describe(input, layout: layout)
    #expect(plain.sources.map(\.name) == model.sources.map(\.name))
    #expect(plain.sources.allSatisfy { $0.encoding == nil })
  }

  /// Blocks are (outputs, inputs), the plain form is (inputs, outputs); in layout prime the plain form comes out.
  @Test(arguments: ["megatron", "prime"]) func mxfp4ReplacesThePlainExperts(layout: String) throws {
    let fixture = try Fixture("gpt_oss")
    let plugin = try Described.plugin(fixture.family)
    let plain = try plugin.describe(ModelInput(config: fixture.config, sources: fixture.sources), layout: layout)
    var sources = fixture.sources
    var packed: [String: GlobalShape] = [:]
    for (name, shape) in fixture.sources where name.hasSuffix("experts.gate_up_proj") || name.hasSuffix("experts.down_proj") {
      let dims = shape.dims
      sources[name] = nil
      sources[name + "_blocks"] = GlobalShape([dims[0], dims[2], dims[1] / 32, 16])
      sources[name + "_scales"] = GlobalShape([dims[0], dims[2], dims[1] / 32])
      packed[name] = GlobalShape([dims[0], dims[2], dims[1]])
    }
    let config = fixture.config.with("quantization_config", Self.mxfp4)
    let model = try plugin.describe(ModelInput(config: config, sources: sources), layout: layout)
    try Coverage.prove(model)
    for source in model.sources {
      #expect((source.encoding?.form == .mxfp4) == (packed[source.name] != nil), "\(source.name)")
      guard let shape = packed[source.name] else { continue }
      #expect(source.shape == shape)
      #expect(source.storedNames == [source.name + "_blocks", source.name + "_scales"])
    }
    #expect(model.targets.map(\.globalName) == plain.targets.map(\.globalName))
    #expect(model.targets.map(\.shape) == plain.targets.map(\.shape))
  }

  struct Refusal: Sendable {
    let path: String
    let value: JSONValue
    let says: String
  }

  @Test(arguments: [
    Refusal(path: "quantization_config.quant_method", value: .string("gptq"), says: "quantization_config.quant_method is none"),
    Refusal(path: "quantization_config.fmt", value: .string("e5m2"), says: "quantization_config.fmt"),
    Refusal(path: "quantization_config.weight_block_size", value: .null, says: "quantization_config.weight_block_size"),
    Refusal(
      path: "quantization_config.weight_block_size", value: .array([.integer(128), .integer(0)]),
      says: "quantization_config.weight_block_size"),
  ]) func otherMethodsAreRefusedByName(_ one: Refusal) throws {
    let fixture = try Fixture("minimax_m2")
    let config = fixture.config.with("quantization_config", Self.fp8).with(one.path, one.value)
    let plugin = try Described.plugin(fixture.family)
    let error = #expect(throws: MimoError.self) {
      try plugin.describe(ModelInput(config: config, sources: fixture.sources), layout: "megatron")
    }
    #expect(error?.description.contains(one.says) == true, "\(String(describing: error))")
  }
}
