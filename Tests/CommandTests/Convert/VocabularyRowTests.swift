import Foundation
import Testing

/// Rows of a vocabulary that no config speaks of: never dropped without a word.
@Suite struct VocabularyRowTests {
  private static let plugin = ["--plugin", "Qwen3VL"]
  static let embedding = "language_model.embedding.word_embeddings.weight"

  private static func notes(_ folder: String) throws -> [String] {
    try #require(try readJSON(folder + "/conversion_report.json")["notes"] as? [String])
  }

  /// A folder with the model's config, of a smaller vocabulary.
  private static func cutConfig(_ config: String, to rows: Int, in folder: String) throws -> String {
    var json = try readJSON(config)
    var text = try #require(json["text_config"] as? [String: Any])
    text["vocab_size"] = rows
    json["text_config"] = text
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try JSONSerialization.data(withJSONObject: json).write(to: URL(filePath: folder + "/config.json"))
    return folder
  }

  /// Both matrices, by the names that they have in the checkpoint.
  private static func expect(
    _ notes: [String], _ words: [String], count: Int = 2, _ what: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let told = notes.filter { note in words.allSatisfy(note.contains) }
    #expect(told.count == count, "\(what): \(notes)", sourceLocation: sourceLocation)
    for name in ["embedding.word_embeddings.weight: ", "output_layer.weight: "] {
      #expect(told.contains { $0.contains(name) }, "\(what): \(notes)", sourceLocation: sourceLocation)
    }
  }

  @Test(arguments: [Detour.single, Detour.single + ["--tp", "2"], Detour.mimo, ["--to", "fsdp_dtensor", "--fsdp", "3"]])
  func tokensBeyondTheConfigAreTold(_ form: [String]) throws {
    let model = try Model("qwen3_vl")
    try Host.convert(VocabularyRowTests.plugin + form + [try model.synth(), model.path("stored")])
    let config = try VocabularyRowTests.cutConfig(model.config, to: 200, in: model.path("cut"))
    let words = ["rows 200 to 249 of 250 are beyond the vocabulary of config.json and stay behind", "50 of 50 are not zero"]
    for (number, target) in [["--to", "hf"], Detour.single + ["--tp", "2"], Detour.mimo].enumerated() {
      let arguments = VocabularyRowTests.plugin + target + ["--hf-config", config, model.path("stored")]
      let out = model.path("out-\(number)")
      let text = try Host.run(["convert"] + arguments + [out])
      #expect(text.code == 0, "\(text.errors)")
      VocabularyRowTests.expect(try VocabularyRowTests.notes(out), words, "\(target)")
      let lines = text.output.split(separator: "\n").map(String.init)
      VocabularyRowTests.expect(lines.filter { $0.hasPrefix("note: ") }, words, "text of \(target)")
      let plan = try Host.run(["plan"] + arguments)
      VocabularyRowTests.expect(
        plan.output.split(separator: "\n").map(String.init).filter { $0.hasPrefix("note") }, words, "plan of \(target)")
    }
  }

  /// 250 rows for four ranks: the six that pad them are zeros, until somebody writes there.
  @Test func rowsThatPadAreToldWithWhatTheyHold() throws {
    let model = try Model("qwen3_vl")
    let hf = try model.synth()
    try Host.convert(VocabularyRowTests.plugin + ["--to", "ranks", "--tp", "4", "--pad-vocab", hf, model.path("ranks")])
    try Host.convert(VocabularyRowTests.plugin + ["--to", "hf", model.path("ranks"), model.path("zero")])
    let rows = "rows 250 to 255 of 256 are beyond the vocabulary of config.json and"
    VocabularyRowTests.expect(try VocabularyRowTests.notes(model.path("zero")), [rows, "stay behind; all zero"], "zeros")
    // Row 253 is the fifth last of the 64 of the last rank, and row 255 the last; 48 bf16 each.
    let stored = try StoredBytes(VocabularyRowTests.embedding, in: model.path("ranks") + "/rank-0003.safetensors")
    try disown(model.path("ranks"))
    try stored.write([0x80, 0x3F], at: 61 * 96 + 94)
    try stored.write([0x01], at: 63 * 96)
    for (number, target) in [["--to", "hf"], Detour.single].enumerated() {
      let out = model.path("filled-\(number)")
      try Host.convert(VocabularyRowTests.plugin + target + [model.path("ranks"), out])
      let notes = try VocabularyRowTests.notes(out)
      #expect(notes.contains { $0.hasPrefix("\(VocabularyRowTests.embedding): \(rows) stay behind; 2 of 6 are not zero") })
      #expect(notes.contains { $0.hasPrefix("language_model.output_layer.weight: \(rows) stay behind; all zero") })
    }
    // Rows that the output has too go along.
    try Host.convert(
      VocabularyRowTests.plugin + Detour.single + ["--tp", "4", "--pad-vocab", model.path("ranks"), model.path("padded")])
    #expect(try VocabularyRowTests.notes(model.path("padded")) == [])
    for pair in [[hf, model.path("ranks")], [model.path("ranks"), hf]] {
      let verified = try Host.run(["verify"] + VocabularyRowTests.plugin + pair)
      #expect(verified.code == 0)
      #expect(verified.output.contains("\(rows) are not compared; 2 of 6 are not zero"), "\(verified.output)")
    }
  }
}

/// The reference's own checkpoints.
@Suite(
  .enabled(if: ReferenceFolder.golden.isPresent, "the reference's data (shared/golden) does not lie beside this package"))
struct GoldenVocabularyRowTests {
  /// A vocabulary of 251 in 252 rows for two ranks.
  @Test(arguments: ReferenceFolder.golden.checkpoints.filter { $0.folder.hasSuffix("_pad") })
  func paddingOfTheReferenceIsTold(_ reference: ReferenceCase) throws {
    let scratch = try Scratch()
    try Host.convert([
      "--plugin", reference.plugin, "--to", "hf", "--hf-config", reference.source, reference.path, scratch("out"),
    ])
    let config = try readJSON(reference.source + "/config.json")
    let rows = try #require(config["vocab_size"] as? Int)
    let stored = try #require(
      try TensorFact.distributed(reference.path).first { $0.key.hasSuffix("word_embeddings.weight") }?.value.shape.first)
    let notes = try #require(try readJSON(scratch("out") + "/conversion_report.json")["notes"] as? [String])
    #expect(notes.contains { $0.contains("word_embeddings.weight") } == (stored > rows))
    #expect(stored == rows || notes.contains { $0.contains("of \(stored) ") && $0.contains("zero") })
  }
}
