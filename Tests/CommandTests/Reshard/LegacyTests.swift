import Foundation
import MimoContainers
import Testing

@Suite struct LegacyTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var source = Fixtures.dense
    var layout: [String]
    var interleaved = 1
    var testDescription: String { "\(layout.joined(separator: " ")) \(interleaved)" }
  }

  static let cases = [
    Case(layout: ["--tp", "1"]), Case(layout: ["--tp", "2", "--pp", "2"]), Case(layout: ["--pp", "2"]),
    Case(layout: ["--tp", "2", "--pp", "4"], interleaved: 2),
    Case(source: Fixtures.experts, layout: ["--tp", "2", "--ep", "2"]),
    Case(source: Fixtures.experts, layout: ["--pp", "2", "--ep", "2"]),
    Case(source: Fixtures.experts, layout: ["--tp", "2", "--ep", "2", "--etp", "1"]),
    Case(source: Fixtures.experts, layout: ["--tp", "2", "--ep", "4", "--etp", "1"]),
  ]

  /// A legacy checkpoint of a fixture, in `scratch("legacy")`.
  private static func make(
    _ layout: Case, in scratch: Scratch, version: Double = 3, change: @escaping (inout [PicklePair]) -> Void = { _ in }
  ) throws {
    try Host.convert(["--plugin", "Qwen3VL", "--to", "ranks"] + layout.layout + [layout.source, scratch("ranks")])
    try LegacyFolder(ranks: scratch("ranks"), interleaved: layout.interleaved, version: version, change: change)
      .write(to: scratch("legacy"))
    try FileManager.default.removeItem(atPath: scratch("ranks"))
  }

  @Test(arguments: cases) func itsWeightsAreThoseOfTheDirectImport(_ layout: Case) throws {
    let scratch = try Scratch()
    try LegacyTests.make(layout, in: scratch)
    let command = ["--plugin", "Qwen3VL", "--to", "megatron", "--tp", "2"]
    try Host.convert(command + ["--hf-config", layout.source, scratch("legacy"), scratch("seen")])
    try Host.convert(command + [layout.source, scratch("direct")])
    expectEqual(
      try TensorFact.distributed(scratch("seen")), try TensorFact.distributed(scratch("direct")), layout.testDescription)
    try Host.convert(["--plugin", "Qwen3VL", "--to", "hf", scratch("seen"), scratch("back")])
    try Host.convert(
      ["--plugin", "Qwen3VL", "--to", "hf", "--hf-config", layout.source, scratch("legacy"), scratch("short")])
    #expect(try folderBytes(scratch("back")) == folderBytes(scratch("short")))
  }

  @Test func iterationAndArgumentsTravelAndTheOptimizerIsNamedAsLeftBehind() throws {
    let scratch = try Scratch()
    try LegacyTests.make(LegacyTests.cases[0], in: scratch)
    try Host.convert([
      "--plugin", "Qwen3VL", "--to", "megatron", "--tp", "2", "--hf-config", Fixtures.dense, scratch("legacy"), scratch("out"),
    ])
    let checkpoint = try DistCheckpoint.open(scratch("out"))
    #expect(checkpoint.path.hasSuffix("/iter_0000010"))
    let common = try #require(try checkpoint.commonState())
    #expect(common["iteration"]?.intValue == 10)
    #expect(common["args"]?["tensor_model_parallel_size"]?.intValue == 2)
    #expect(common["args"]?["no_save_optim"]?.boolValue == true)
    let report = try readJSON(scratch("out") + "/conversion_report.json")
    #expect((report["omissions"] as? [[String: Any]])?.compactMap { $0["name"] as? String } == ["optimizer"])
  }

  @Test func copiesOnOtherRanksMustBeTheSame() throws {
    let scratch = try Scratch()
    try LegacyTests.make(LegacyTests.cases[1], in: scratch)
    let name = scratch("legacy") + "/iter_0000010/mp_rank_01_000/model_optim_rng.pt"
    // A norm of the vision tower, which each rank holds whole.
    let rank = try LegacyRank(path: name)
    let norm = try #require(
      try rank.modules()[0].first { $0.name == "vision_model.merger.patch_norm.weight" }.flatMap { try rank.tensor($0.value) })
    try flip(name, at: norm.offset)
    try Refusal.expect(
      ["--plugin", "Qwen3VL", "--to", "hf", "--hf-config", Fixtures.dense, scratch("legacy"), scratch("out")], in: scratch,
      code: 3, words: ["mp_rank_01_000", "merger.norm.weight", "differs from the original"])
  }

  @Test func aMissingRankAnUnknownTensorAndAFileOfOldTorchAreNamed() throws {
    let command = ["--plugin", "Qwen3VL", "--to", "hf", "--hf-config", Fixtures.dense]
    let scratch = try Scratch()
    try LegacyTests.make(LegacyTests.cases[1], in: scratch) { module in
      module.append(PicklePair(.string("decoder.layers.0.surprise"), module[0].value))
    }
    try Refusal.expect(
      command + [scratch("legacy"), scratch("out")], in: scratch, code: 3,
      words: ["mp_rank_00_000", "decoder.layers.0.surprise", "no such tensor on this rank"])
    let last = scratch("legacy") + "/iter_0000010/mp_rank_01_001"
    try Data([0x80, 0x02, 0x8A, 0x0A]).write(to: URL(filePath: last + "/model_optim_rng.pt"))
    try Refusal.expect(
      command + [scratch("legacy"), scratch("out")], in: scratch, code: 8, words: ["mp_rank_01_001", "torch before 1.6"])
    try FileManager.default.removeItem(atPath: last)
    try Refusal.expect(
      command + [scratch("legacy"), scratch("out")], in: scratch, code: 3,
      words: ["3 files for the 4 ranks of tp 2, pp 2, ep 1, etp 2", "mp_rank_*"])
  }

  @Test func aVersionWithAnotherOrderOfAttentionIsRefused() throws {
    let scratch = try Scratch()
    try LegacyTests.make(LegacyTests.cases[0], in: scratch, version: 2)
    try Refusal.expect(
      ["--plugin", "Qwen3VL", "--to", "hf", "--hf-config", Fixtures.dense, scratch("legacy"), scratch("out")], in: scratch,
      code: 8, words: ["checkpoint_version 2.0", "another order"])
  }

  @Test func aMissingTensorAndAnotherShapeAreNamed() throws {
    let command = ["--plugin", "Qwen3VL", "--to", "hf", "--hf-config", Fixtures.dense]
    for (key, words) in [("remove", "does not hold it"), ("reshape", "shape is")] {
      let scratch = try Scratch()
      try LegacyTests.make(LegacyTests.cases[0], in: scratch) { module in
        guard let index = module.firstIndex(where: { $0.key == .string("language_model.decoder.final_layernorm.weight") })
        else { return }
        guard key == "reshape", case .object(var call) = module[index].value else {
          module.remove(at: index)
          return
        }
        call.arguments[2] = .tuple([.int(1), .int(3)])
        call.arguments[3] = .tuple([.int(3), .int(1)])
        module[index].value = .object(call)
      }
      try Refusal.expect(
        command + [scratch("legacy"), scratch("out")], in: scratch, code: 3,
        words: ["mp_rank_00", "final_layernorm.weight", words])
    }
  }
}
