import Foundation
import Testing

/// What the options of an export do where a record of the original lies beside the checkpoint.
@Suite struct ExportOptionsTests {
  private static let plugin = ["--plugin", "Qwen3VL"]

  private static func megatron(_ source: String, in scratch: Scratch) throws -> String {
    try Host.convert(plugin + ["--to", "megatron", source, scratch("megatron")])
    return scratch("megatron")
  }

  private static func weightFiles(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".safetensors") }.sorted()
  }

  private static func size(_ path: String) throws -> Int {
    try #require(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
  }

  @Test func aShardSizeThatIsAskedForWinsOverTheFilesOfTheOriginal() throws {
    let scratch = try Scratch()
    let megatron = try Self.megatron(Fixtures.dense, in: scratch)
    try Host.convert(Self.plugin + ["--to", "hf", megatron, scratch("own")])
    try Host.convert(Self.plugin + ["--to", "hf", "--max-shard-size", "100KB", megatron, scratch("small")])
    #expect(try Self.weightFiles(scratch("own")) == Self.weightFiles(Fixtures.dense))
    let files = try Self.weightFiles(scratch("small"))
    #expect(files.count > 1)
    let tensors = try TensorFact.folder(scratch("small"))
    expectEqual(tensors, try TensorFact.folder(scratch("own")), "the same tensors")
    for file in files {
      let held = try TensorFact.safeTensors("\(scratch("small"))/\(file)")
      #expect(try Self.size("\(scratch("small"))/\(file)") < 120_000 || held.count == 1, "\(file)")
    }
  }

  /// The names of both packed forms are the same, the shapes are not.
  @Test(arguments: ["packed-transposed", "packed", "per-expert"])
  func expertsComeInTheFormThatIsAskedFor(_ form: String) throws {
    let scratch = try Scratch()
    let megatron = try Self.megatron(Fixtures.experts, in: scratch)
    try Host.convert(Self.plugin + ["--to", "hf", "--expert-storage", form, megatron, scratch("asked")])
    let report = try readJSON(scratch("asked/conversion_report.json"))
    let notes = try #require(report["notes"] as? [String])
    #expect(notes.filter { $0.contains("has no place") }.isEmpty)
    // The way back must be told of the form where the tensors do not tell.
    try Host.convert(Self.plugin + ["--to", "megatron", "--expert-storage", form, scratch("asked"), scratch("again")])
    expectEqual(
      try TensorFact.distributed(scratch("again")), try TensorFact.distributed(megatron), "the same weights from \(form)")
  }

  @Test(arguments: ["float32", "float16"]) func theConfigSaysTheDTypeOfTheWeights(_ dtype: String) throws {
    let scratch = try Scratch()
    let megatron = try Self.megatron(Fixtures.dense, in: scratch)
    try Host.convert(Self.plugin + ["--to", "hf", "--dtype", dtype, megatron, scratch("out")])
    let synth = try Host.run(
      ["synth", "-q"] + Self.plugin + ["--config", "\(Fixtures.dense)/config.json", "--dtype", dtype, scratch("made")])
    #expect(synth.code == 0, "\(synth.errors)")
    let original = Self.dtypes(try readJSON("\(Fixtures.dense)/config.json"))
    #expect(original.values.contains("bfloat16"))
    for folder in ["out", "made"] {
      let said = Self.dtypes(try readJSON("\(scratch(folder))/config.json"))
      #expect(said == original.mapValues { _ in dtype })
    }
  }

  /// dtype and torch_dtype of the config and its sections, by their path.
  private static func dtypes(_ config: [String: Any]) -> [String: String] {
    var found: [String: String] = [:]
    for (key, value) in config {
      if ["dtype", "torch_dtype"].contains(key), let text = value as? String { found[key] = text }
      guard let section = value as? [String: Any] else { continue }
      for (inner, text) in dtypes(section) { found["\(key).\(inner)"] = text }
    }
    return found
  }

  @Test func theConfigItselfMayBeNamedForItsFolder() throws {
    let scratch = try Scratch()
    let megatron = try Self.megatron(Fixtures.dense, in: scratch)
    try Host.convert(Self.plugin + ["--to", "hf", megatron, scratch("recorded")])
    try FileManager.default.removeItem(atPath: "\(megatron)/mimo_host")
    try Host.convert(Self.plugin + ["--to", "hf", "--hf-config", "\(Fixtures.dense)/config.json", megatron, scratch("out")])
    expectEqual(try TensorFact.folder(scratch("out")), try TensorFact.folder(scratch("recorded")), "the same tensors")
  }
}

/// Sources that are not what they are taken for.
@Suite struct MistakenSourceTests {
  private static let plugin = ["--plugin", "Qwen3VL"]

  @Test(arguments: ["mimo", "megatron", "ranks", "fsdp_dtensor"])
  func aHuggingFaceFolderIsNamedAsOne(_ format: String) throws {
    let scratch = try Scratch()
    try Refusal.expect(
      Self.plugin + ["--to", "hf", "--from", format, Fixtures.dense, scratch("out")], in: scratch, code: 2,
      words: ["is a Hugging Face folder", format, "Leave --from out"])
  }

  @Test func aTorchDistCheckpointWithoutItsMetadataFileIsNotGuessedAt() throws {
    let scratch = try Scratch()
    try Host.convert(Self.plugin + ["--to", "megatron", Fixtures.dense, scratch("in")])
    try Host.convert(Self.plugin + ["--to", "hf", scratch("in"), scratch("recognised")])
    try FileManager.default.removeItem(atPath: scratch("in/iter_0000000/metadata.json"))
    try Refusal.expect(
      Self.plugin + ["--to", "hf", scratch("in"), scratch("out")], in: scratch, code: 3,
      words: ["metadata.json", "fsdp_dtensor", "--from megatron"])
    try Host.convert(Self.plugin + ["--to", "hf", "--from", "megatron", scratch("in"), scratch("out")])
    expectEqual(try TensorFact.folder(scratch("out")), try TensorFact.folder(scratch("recognised")), "the same tensors")
  }

  @Test func oneComponentIsNoModelOfRanks() throws {
    let scratch = try Scratch()
    try Host.convert(
      Self.plugin + ["--to", "mimo", "--only", "images", "--component", "images=tp=1", Fixtures.dense, scratch("in")])
    try Refusal.expect(
      Self.plugin + ["--to", "ranks", "--component", "images=tp=1", scratch("in"), scratch("out")], in: scratch, code: 8,
      words: ["component images alone", "splice"])
  }

  @Test func aComponentThatIsLeftOutIsNotLaidOut() throws {
    let scratch = try Scratch()
    try Refusal.expect(
      Self.plugin + [
        "--to", "mimo", "--only", "images", "--component", "images=tp=1", "--component", "language=tp=1", Fixtures.dense,
        scratch("out"),
      ], in: scratch, code: 2, words: ["--only images", "language"])
  }
}
