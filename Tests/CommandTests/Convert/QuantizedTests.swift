import Foundation
import MimoContainers
import MimoTensor
import Testing

/// Models whose weights are codes and scales, through the built program.
@Suite struct QuantizedTests {
  /// Expert rows (136) and columns (200) cut inside a block by etp, the last blocks cut off by the edge.
  @Test(arguments: [["--to", "ranks", "--tp", "2", "--ep", "2", "--etp", "4", "--world-size", "8"], ["--to", "megatron"], ["--to", "prime"]])
  func fp8BecomesWhatItsPlainValuesBecome(arguments: [String]) throws {
    let scratch = try Scratch()
    let folder = try BlockFP8Folder(in: scratch)
    let plugin = ["--plugin", "MiniMaxM2"]
    try Host.convert(plugin + arguments + [folder.codes, scratch("a")])
    try Host.convert(plugin + arguments + [folder.plain, scratch("b")])
    let isDist = arguments[1] == "megatron"
    let made = isDist ? try TensorFact.distributed(scratch("a")) : try TensorFact.folder(scratch("a"), namingFiles: true)
    let expected = isDist ? try TensorFact.distributed(scratch("b")) : try TensorFact.folder(scratch("b"), namingFiles: true)
    expectEqual(made, expected, "\(arguments)")

    try Host.convert(plugin + ["--to", "hf", scratch("a"), scratch("back")])
    expectEqual(try TensorFact.folder(scratch("back")), try TensorFact.folder(folder.plain), "back")
    let config = try readJSON("\(scratch("back"))/config.json")
    #expect(config["quantization_config"] == nil && config["hidden_size"] as? Int == 200)
    let notes = try readJSON("\(scratch("back"))/conversion_report.json")["notes"] as? [String] ?? []
    #expect(notes.contains { $0.contains("quantization_config was taken out") })
    #expect(notes.contains { $0.contains("were codes and scales") })

    for pair in [[folder.codes, scratch("a")], [folder.codes, scratch("back")], [scratch("back"), folder.codes]] {
      let verified = try Host.run(["verify", "-q"] + plugin + pair)
      #expect(verified.code == 0, "\(pair): \(verified.output)\(verified.errors)")
    }
  }

  /// The report tells of codes and scales as they are stored, and plans say what will be decoded.
  @Test func reportsNameCodesAndScales() throws {
    let scratch = try Scratch()
    let folder = try BlockFP8Folder(in: scratch)
    try Host.convert(["--plugin", "MiniMaxM2", "--to", "ranks", "--tp", "1", folder.codes, scratch("out")])
    let report = try readJSON("\(scratch("out"))/conversion_report.json")
    let stored = try TensorFact.folder(folder.codes)
    let sources = report["sources"] as? [[String: Any]] ?? []
    #expect(Set(sources.compactMap { $0["name"] as? String }) == Set(stored.keys))
    #expect(sources.allSatisfy { $0["dtype"] as? String == stored[$0["name"] as? String ?? ""]?.dtype })
    let bytes = stored.values.reduce(0) { sum, fact in
      if case .bytes(let data) = fact.content { sum + data.count } else { sum }
    }
    #expect(report["bytes_read"] as? Int == bytes)
    let plan = try Host.run(["plan", "--plugin", "MiniMaxM2", "--to", "ranks", "--tp", "1", folder.codes, scratch("none")])
    #expect(plan.code == 0 && plan.output.contains("decoded from fp8(128x128)"), "\(plan.output)\(plan.errors)")
  }

  @Test func codesWithoutTheirScalesAreRefused() throws {
    let scratch = try Scratch()
    let folder = try BlockFP8Folder(in: scratch, leavingOut: "model.layers.1.block_sparse_moe.experts.3.w2.weight_scale_inv")
    let outcome = try Host.run(["convert", "--plugin", "MiniMaxM2", "--to", "ranks", "--tp", "1", folder.codes, scratch("out")])
    #expect(outcome.code != 0)
    #expect(outcome.errors.contains("experts.3.w2.weight") && outcome.errors.contains("no weights without their scales"))
    #expect(!FileManager.default.fileExists(atPath: scratch("out")))
  }

  private static let mxfp4 = Host.package.deletingLastPathComponent().appending(path: "shared/golden/gpt_oss_mxfp4").path

  @Test(
    .enabled(if: FileManager.default.fileExists(atPath: mxfp4), "shared/golden does not lie beside this package"),
    arguments: ["tp2ep2", "torch_dist"])
  func mxfp4BecomesWhatTheReferenceMakesOfIt(output: String) throws {
    let scratch = try Scratch()
    let (source, expected) = ("\(Self.mxfp4)/hf", "\(Self.mxfp4)/\(output)")
    if output == "torch_dist" {
      try Host.convert(["--plugin", "GPTOSS", "--to", "megatron", source, scratch("out")])
      expectEqual(try TensorFact.distributed(scratch("out")), try TensorFact.distributed(expected), output)
    } else {
      try Host.convert(["--plugin", "GPTOSS", "--to", "ranks", "--tp", "2", "--ep", "2", "--etp", "1", source, scratch("out")])
      expectEqual(
        try TensorFact.folder(scratch("out"), namingFiles: true), try TensorFact.folder(expected, namingFiles: true), output)
    }
    // The reference's own way back leaves all experts out.
    for stored in output == "torch_dist" ? [scratch("out"), expected] : [scratch("out")] {
      let back = scratch("back-\(stored == expected)")
      try Host.convert(["--plugin", "GPTOSS", "--to", "hf", "--hf-config", source, stored, back])
      let names = Set(try TensorFact.folder(back).keys)
      let plain = try TensorFact.folder(source).keys.filter { !$0.hasSuffix("_scales") }.map {
        $0.hasSuffix("_blocks") ? String($0.dropLast(7)) : $0
      }
      #expect(names == Set(plain))
      let verified = try Host.run(["verify", "-q", "--plugin", "GPTOSS", source, back])
      #expect(verified.code == 0, "\(verified.output)\(verified.errors)")
    }
  }
}

/// A small MiniMax-M2 with FP8 weights, and the same model with the plain values.
private struct BlockFP8Folder {
  let codes: String
  let plain: String

  private static var config: [String: Any] { [
    "architectures": ["MiniMaxM2ForCausalLM"], "model_type": "minimax_m2", "dtype": "bfloat16", "attention_bias": false,
    "head_dim": 16, "hidden_act": "silu", "hidden_size": 200, "intermediate_size": 136, "num_attention_heads": 8,
    "num_key_value_heads": 4, "num_experts_per_tok": 2, "num_local_experts": 4, "num_hidden_layers": 2,
    "rms_norm_eps": 1e-6, "rotary_dim": 8, "rope_theta": 10000, "use_qk_norm": true, "use_routing_bias": true,
    "qk_norm_type": "per_layer", "scoring_func": "sigmoid", "tie_word_embeddings": false, "vocab_size": 64,
    "max_position_embeddings": 64,
  ] }

  init(in scratch: Scratch, leavingOut name: String? = nil) throws {
    (codes, plain) = (scratch("codes"), scratch("plain"))
    try Self.write(Self.config, to: scratch("config.json"))
    let outcome = try Host.run(["synth", "-q", "--plugin", "MiniMaxM2", "--config", scratch("config.json"), plain])
    try #require(outcome.code == 0, "\(outcome.errors)")
    try disown(plain)
    var (encoded, decoded): ([String: TensorFact], [String: TensorFact]) = ([:], [:])
    for (tensor, fact) in try TensorFact.folder(plain) {
      guard fact.shape.count == 2, tensor.contains("_proj.") || tensor.contains(".experts.") else {
        encoded[tensor] = fact
        decoded[tensor] = fact
        continue
      }
      let weight = BlockFP8(rows: fact.shape[0], columns: fact.shape[1], seed: tensor.utf8.reduce(7) { $0 &* 31 &+ Int($1) })
      encoded[tensor] = TensorFact(dtype: "F8_E4M3", shape: fact.shape, content: .bytes(weight.codes))
      encoded[tensor + "_scale_inv"] = TensorFact(dtype: "F32", shape: weight.blocks, content: .bytes(weight.scaleBytes))
      decoded[tensor] = TensorFact(dtype: "BF16", shape: fact.shape, content: .bytes(weight.values))
    }
    if let name { encoded[name] = nil }
    try Self.write(decoded, to: "\(plain)/model.safetensors")
    try FileManager.default.createDirectory(atPath: codes, withIntermediateDirectories: true)
    try Self.write(encoded, to: "\(codes)/model.safetensors")
    var config = Self.config
    config["quantization_config"] = [
      "quant_method": "fp8", "fmt": "float8_e4m3fn", "activation_scheme": "dynamic", "weight_block_size": [128, 128],
    ]
    try Self.write(config, to: "\(codes)/config.json")
  }

  private static func write(_ config: [String: Any], to path: String) throws {
    try JSONSerialization.data(withJSONObject: config).write(to: URL(filePath: path))
  }

  private static func write(_ tensors: TensorFacts, to path: String) throws {
    let sorted = tensors.sorted { $0.key < $1.key }
    let specs = try sorted.map { name, fact in
      TensorSpec(
        name: name, dtype: try #require(DType(rawValue: fact.dtype)),
        shape: GlobalShape(DimVector(exactly: fact.shape) ?? []))
    }
    var bytes = Data(try SafeTensorsHeader.lay(out: specs, metadata: nil, path: path).1)
    for (_, fact) in sorted { if case .bytes(let data) = fact.content { bytes += data } }
    try bytes.write(to: URL(filePath: path))
  }
}

/// Codes and scales in blocks of 128 x 128, and what they stand for, element by element.
private struct BlockFP8 {
  let rows: Int
  let columns: Int
  let seed: Int
  var blocks: [Int] { [(rows + 127) / 128, (columns + 127) / 128] }
  private var scales: [Float] { (0..<blocks[0] * blocks[1]).map { Float($0 % 5 + 1) / 700 + Float(seed & 15) / 9000 } }

  private func code(_ index: Int) -> UInt8 {
    let any = UInt8(truncatingIfNeeded: (index &* 2_654_435_761 &+ seed) >> 7)
    return any & 0x7F == 0x7F ? 3 : any
  }

  var codes: Data { Data((0..<rows * columns).map(code)) }
  var scaleBytes: Data { Data(scales.flatMap { scale in (0..<4).map { UInt8(truncatingIfNeeded: scale.bitPattern >> ($0 * 8)) } }) }

  var values: Data {
    let scales = scales
    var bytes = Data(capacity: rows * columns * 2)
    for index in 0..<rows * columns {
      let scale = scales[index / columns / 128 * blocks[1] + index % columns / 128]
      let bits = (value(code(index)) * scale).bitPattern
      let rounded = UInt16(truncatingIfNeeded: (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
      bytes += [UInt8(truncatingIfNeeded: rounded), UInt8(rounded >> 8)]
    }
    return bytes
  }

  private func value(_ code: UInt8) -> Float {
    let (exponent, mantissa) = (Int(code >> 3) & 15, Float(code & 7) / 8)
    let size = exponent == 0 ? mantissa / 64 : (1 + mantissa) * Float(sign: .plus, exponent: exponent - 7, significand: 1)
    return code < 128 ? size : -size
  }
}
