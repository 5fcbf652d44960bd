import Foundation
import MimoContainers
import Testing

/// What the report of an export says is lost, held against the bits themselves.
@Suite struct LossTests {
  private static let plugin = ["--plugin", "Qwen3VL"]

  static func losses(_ folder: String) throws -> [String: Int] {
    let entries = try #require(try readJSON(folder + "/conversion_report.json")["lossy"] as? [[String: Any]])
    return Dictionary(uniqueKeysWithValues: entries.map { ($0["tensor"] as? String ?? "", $0["elements"] as? Int ?? -1) })
  }

  /// Copies on several ranks are one element.
  @Test(arguments: [
    Detour.single, Detour.mimo, ["--to", "fsdp_dtensor", "--fsdp", "2"], ["--to", "ranks", "--tp", "2", "--pp", "2"],
  ]) func anExportThatNarrowsLosesWhatTheImportThatNarrowsDoes(_ form: [String]) throws {
    let model = try Model("qwen3_vl")
    let (hf, expected) = try LossTests.partlyNarrow(model)
    let wide = ["--dtype", "float32"]
    try Host.convert(LossTests.plugin + form + wide + [hf, model.path("wide")])
    try Host.convert(LossTests.plugin + ["--to", "hf", model.path("wide"), model.path("same")])
    #expect(try LossTests.losses(model.path("same")) == [:], "nothing is lost where nothing is narrowed")
    try Host.convert(LossTests.plugin + ["--to", "hf", "--dtype", "bfloat16", model.path("wide"), model.path("narrow")])
    #expect(try LossTests.losses(model.path("narrow")) == expected)
    try Host.convert(LossTests.plugin + form + ["--dtype", "bfloat16", hf, model.path("imported")])
    #expect(try LossTests.losses(model.path("imported")) == expected)
    try Host.convert(LossTests.plugin + form + ["--dtype", "bfloat16", model.path("wide"), model.path("resharded")])
    #expect(try LossTests.losses(model.path("resharded")).values.reduce(0, +) == expected.values.reduce(0, +))
  }

  /// A model in F32 of which every third element is a bf16, and how many of each tensor are none.
  private static func partlyNarrow(_ model: Model) throws -> (path: String, expected: [String: Int]) {
    let hf = try model.synth("hf", "--dtype", "float32")
    try disown(hf)
    var expected: [String: Int] = [:]
    for tensor in try HuggingFaceFolder.open(hf).tensors {
      let stored = try StoredBytes(tensor.name, in: hf + "/model.safetensors")
      var bytes = try stored.read()
      for element in stride(from: 0, to: bytes.count / 4, by: 3) { (bytes[4 * element], bytes[4 * element + 1]) = (0, 0) }
      try stored.write(bytes)
      let lost = (0..<bytes.count / 4).count { bytes[4 * $0] != 0 || bytes[4 * $0 + 1] != 0 }
      if lost > 0 { expected[tensor.name] = lost }
    }
    return (hf, expected)
  }

  /// 1 + w in bf16 and back: where w is small, the norm that was trained is not what an import of the export stores.
  @Test func anExportThroughAKernelCountsWhatTheKernelDoesNotGiveAgain() throws {
    let scratch = try Scratch()
    try Host.convert(LossTests.plugin + ["--to", "ranks", "--tp", "1", Fixtures.dense, scratch("ranks")])
    let name = "language_model.decoder.layers.0.self_attention.out_norm.weight"
    let stored = try StoredBytes(name, in: scratch("ranks") + "/rank-0000.safetensors")
    try Host.convert(LossTests.plugin + ["--to", "hf", scratch("ranks"), scratch("before")])
    let before = try LossTests.losses(scratch("before"))
    try disown(scratch("ranks"))
    // 2^-20 twice, and 0.5, which comes back.
    try stored.write([0x80, 0x35, 0x80, 0x35, 0x00, 0x3F])
    let expected = BF16.all(in: try stored.read()).count { bits in
      let whole = BF16.bits(BF16.value(bits) + 1)
      return BF16.bits(BF16.value(whole) - 1) != bits
    }
    try Host.convert(LossTests.plugin + ["--to", "hf", scratch("ranks"), scratch("after")])
    let source = "model.language_model.layers.0.linear_attn.norm.weight"
    var wanted = before
    wanted[source] = expected
    #expect(expected >= 2)
    #expect(try LossTests.losses(scratch("after")) == wanted)
    let entries = try readJSON(scratch("after") + "/conversion_report.json")["lossy"] as? [[String: Any]]
    #expect(entries?.first { $0["tensor"] as? String == source }?["kernel"] as? String == "add(-1.0)")
    let text = try Host.run(["convert"] + LossTests.plugin + ["--to", "hf", scratch("ranks"), scratch("text")])
    #expect(text.output.contains("not restorable: \(expected) of 12 elements of \(source)"))
  }
}

/// The same on what the reference wrote.
@Suite(
  .enabled(if: ReferenceFolder.golden.isPresent, "the reference's data (shared/golden) does not lie beside this package"))
struct GoldenLossTests {
  @Test func aBFloat16ThatNoHalfHoldsIsCounted() throws {
    let reference = try #require(ReferenceFolder.golden.cases.first { $0.testDescription == "qwen3_vl torch_dist" })
    var expected: [String: Int] = [:]
    for (name, fact) in try TensorFact.folder(reference.source) {
      guard case .bytes(let data) = fact.content else { continue }
      let lost = BF16.all(in: Array(data)).count { bits in
        let value = BF16.value(bits)
        return BF16.bits(Float(Float16(value))) != bits
      }
      if lost > 0 { expected[name] = lost }
    }
    #expect(!expected.isEmpty)
    let scratch = try Scratch()
    try Host.convert([
      "--plugin", reference.plugin, "--to", "hf", "--dtype", "float16", "--hf-config", reference.source, reference.path,
      scratch("out"),
    ])
    #expect(try LossTests.losses(scratch("out")) == expected)
  }

  /// A bias of prime-rl's that a training moved: an import takes its minimum off, which it was written without.
  @Test func aMinimumThatIsNotZeroIsCounted() throws {
    let reference = try #require(ReferenceFolder.golden.primes.first { $0.folder.hasSuffix("nemotron_h_moe") })
    let scratch = try Scratch()
    try Host.convert(reference.command(to: scratch("prime")))
    let back = ["--plugin", reference.plugin, "--to", "hf", scratch("prime")]
    try Host.convert(back + [scratch("as-written")])
    #expect(try LossTests.losses(scratch("as-written")) == [:], "a minimum of zero is taken off without a trace")
    let biases = try HuggingFaceFolder.open(scratch("prime")).tensors.map(\.name)
      .filter { $0.hasSuffix("e_score_correction_bias") }
    let stored = try StoredBytes(try #require(biases.first), in: scratch("prime") + "/model.safetensors")
    try disown(scratch("prime"))
    let values: [Float] = [0.5, 1, 0.75, 3]
    try stored.write(values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } })
    try Host.convert(back + [scratch("moved")])
    let losses = try LossTests.losses(scratch("moved"))
    #expect(losses.count == 1 && losses.values.first == 4, "\(losses)")
    // What the report says: an import of OUT gives other bits in all four.
    try Host.convert(["--plugin", reference.plugin, "--to", "prime", scratch("moved"), scratch("again")])
    let again = try StoredBytes(try #require(biases.first), in: scratch("again") + "/model.safetensors").read()
    #expect(again == [0, 0.5, 0.25, 2.5].flatMap { (v: Float) in withUnsafeBytes(of: v.bitPattern.littleEndian) { Array($0) } })
  }
}
