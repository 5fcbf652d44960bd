import Foundation
import Testing

/// The tensor parallel size of experts that a component's layout leaves out.
@Suite struct ExpertDefaultTests {
  private static let note = "etp of language is 1; before this version it was tp (2). Write etp=2 for the former layout."
  private static let images = ["--component", "images=tp=1"]

  private func layout(_ language: String) -> [String] {
    ["--component", "language=\(language)"] + ExpertDefaultTests.images
  }

  private func notes(_ arguments: [String]) throws -> [String] {
    let outcome = try Host.run(arguments)
    #expect(outcome.code == 0, "\(outcome.errors)")
    let json = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
    return try #require(json?["notes"] as? [String])
  }

  /// How often a text says the note.
  private func count(_ text: String) -> Int { text.components(separatedBy: ExpertDefaultTests.note).count - 1 }

  @Test(arguments: ["mimo", "ranks", "fsdp_dtensor"]) func convertAndPlanTellTheDefaultOnce(format: String) throws {
    let scratch = try Scratch()
    let command = ["--plugin", "Qwen3VL", "--to", format] + layout("tp=2")
    let planned = try notes(["plan", "--json"] + command + [Fixtures.experts])
    let written = try notes(["convert", "--json"] + command + [Fixtures.experts, scratch("out")])
    for notes in [planned, written] { #expect(notes.filter { $0 == ExpertDefaultTests.note }.count == 1) }
    #expect(count(try Host.run(["plan"] + command + [Fixtures.experts]).output) == 1)
    #expect(count(try Host.run(["convert"] + command + [Fixtures.experts, scratch("again")]).output) == 1)
    let report = try readJSON(scratch("out") + "/conversion_report.json")
    let components = try #require((report["layout"] as? [String: Any])?["components"] as? [String])
    #expect(components.contains { $0.hasPrefix("language=tp=2,") && $0.contains(",etp=1,") }, "\(components)")
  }

  @Test func aReshardTellsItToo() throws {
    let scratch = try Scratch()
    try Host.convert(["--plugin", "Qwen3VL", "--to", "megatron", Fixtures.experts, scratch("single")])
    let command = ["convert", "--json", "--plugin", "Qwen3VL", "--to", "mimo"] + layout("tp=2")
    #expect(try notes(command + [scratch("single"), scratch("out")]).filter { $0 == ExpertDefaultTests.note }.count == 1)
  }

  @Test(arguments: [[], ["--json"], ["--tsv"]]) func shardsTellsItBesideTheTable(form: [String]) throws {
    let outcome = try Host.run(["shards", "--plugin", "Qwen3VL"] + form + layout("tp=2") + [Fixtures.experts])
    #expect(outcome.code == 0)
    #expect(outcome.errors == "mimo-host: note: \(ExpertDefaultTests.note)\n")
    #expect(count(outcome.output) == 0)
  }

  @Test(arguments: [
    (Fixtures.experts, "tp=2,etp=1"), (Fixtures.experts, "tp=2,etp=2"), (Fixtures.experts, "tp=1"), (Fixtures.dense, "tp=2"),
  ])
  func nothingIsToldWhereNothingChanged(source: String, language: String) throws {
    let command = ["plan", "--json", "--plugin", "Qwen3VL", "--to", "mimo"] + layout(language)
    #expect(try notes(command + [source]).allSatisfy { !$0.contains("etp") })
  }

  /// The layout without etp is the one with etp=1, and a single model's is the one with etp=tp.
  @Test func theDefaultIsTheReferences() throws {
    func table(_ layout: [String]) throws -> String {
      try Host.run(["shards", "--plugin", "Qwen3VL", "--tsv"] + layout + [Fixtures.experts]).output
    }
    #expect(try table(layout("tp=2")) == table(layout("tp=2,etp=1")))
    #expect(try table(layout("tp=2")) != table(layout("tp=2,etp=2")))
    #expect(try table(["--tp", "2"]) == table(["--tp", "2", "--etp", "2"]))
  }
}

/// Folders that the program wrote when a component's etp was tp unless said.
@Suite struct FormerDefaultTests {
  private static let former = Host.package.appending(path: "Tests/Fixtures/abi-1.0/mimo-host")

  /// Runs the program of that time, which finds its plugins beside it.
  private func convert(_ arguments: [String]) throws {
    let process = Process()
    process.executableURL = FormerDefaultTests.former
    process.arguments = ["convert", "-q", "--plugin", "Qwen3VL"] + arguments
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
  }

  private static let layout = ["--component", "language=tp=2", "--component", "images=tp=1"]

  @Test(arguments: ["mimo", "ranks", "fsdp_dtensor"]) func aFolderKeepsItsMeaning(format: String) throws {
    let scratch = try Scratch()
    try convert(["--to", format] + FormerDefaultTests.layout + [Fixtures.experts, scratch("former")])
    try Host.convert(["--plugin", "Qwen3VL", "--to", "hf", scratch("former"), scratch("back")])
    expectEqual(try TensorFact.folder(scratch("back")), try TensorFact.folder(Fixtures.experts), format)
  }

  /// A splice that names no layout keeps that of its base: experts cut by 2.
  @Test func theLayoutOfARecordIsTheOneThatWasWritten() throws {
    let scratch = try Scratch()
    try convert(["--to", "mimo"] + FormerDefaultTests.layout + [Fixtures.experts, scratch("former")])
    let splice = ["splice", "-q", "--from", "images=\(Fixtures.experts)", scratch("former"), scratch("out")]
    let outcome = try Host.run(splice)
    #expect(outcome.code == 0, "\(outcome.errors)")
    expectEqual(try TensorFact.distributed(scratch("out")), try TensorFact.distributed(scratch("former")), "splice")
  }

  /// Neither the component's text nor the ranks say etp.
  @Test func aLayoutFileWithoutItMeansTP() throws {
    let scratch = try Scratch()
    try convert(["--to", "ranks"] + FormerDefaultTests.layout + [Fixtures.experts, scratch("former")])
    let path = scratch("former") + "/layout.json"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let shorter = text.replacing(",etp=2", with: "").replacing(/, "expt_tp_size": \d+/, with: "")
    try #require(shorter.count < text.count - 20)
    try shorter.write(toFile: path, atomically: true, encoding: .utf8)
    try Host.convert(["--plugin", "Qwen3VL", "--to", "hf", "--hf-config", Fixtures.experts, scratch("former"), scratch("back")])
    expectEqual(try TensorFact.folder(scratch("back")), try TensorFact.folder(Fixtures.experts), "without etp")
  }

  /// As the reference's own layout.json: the component's text leaves etp out, the ranks say it.
  @Test func aLayoutFileWhoseRanksSayItMeansThat() throws {
    let scratch = try Scratch()
    try Host.convert(
      ["--plugin", "Qwen3VL", "--to", "ranks"] + FormerDefaultTests.layout + [Fixtures.experts, scratch("ranks")])
    let path = scratch("ranks") + "/layout.json"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let shorter = text.replacing(",etp=1", with: "")
    try #require(shorter.count < text.count)
    try shorter.write(toFile: path, atomically: true, encoding: .utf8)
    try Host.convert(["--plugin", "Qwen3VL", "--to", "hf", "--ignore-report", "--hf-config", Fixtures.experts, scratch("ranks"), scratch("back")])
    expectEqual(try TensorFact.folder(scratch("back")), try TensorFact.folder(Fixtures.experts), "ranks that say it")
  }
}
