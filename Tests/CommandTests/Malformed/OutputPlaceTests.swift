import Foundation
import Testing

/// Where OUT may not be made, and what --overwrite leaves alone.
@Suite struct OutputPlaceTests {
  /// OUT in a folder with SOURCE, by the names that they have in it.
  struct Overlap: CustomTestStringConvertible {
    var source: String
    var output: String
    var words: String
    var testDescription: String { "\(source) -> \(output)" }

    static let all = [
      Overlap(source: "a/model", output: "a/model", words: "is where"),
      Overlap(source: "a/model", output: "a/./model/", words: "is where"),
      Overlap(source: "a/model", output: "b/../a", words: "is where"),
      Overlap(source: "a/link", output: "a/model", words: "is where"),
      Overlap(source: "a/link", output: "a", words: "is where"),
      Overlap(source: "b/away", output: "a", words: "is where"),
      Overlap(source: "a/model", output: "a/model/out", words: "lies in"),
      Overlap(source: "a/link", output: "a/model/out", words: "lies in"),
      Overlap(source: "a/model", output: "b/away/out", words: "lies in"),
    ]
  }

  @Test(arguments: Overlap.all) func whatIsReadIsNeverReplacedOrWrittenInto(_ overlap: Overlap) throws {
    let scratch = try Scratch()
    let files = FileManager.default
    for folder in ["a", "b"] { try files.createDirectory(atPath: scratch(folder), withIntermediateDirectories: true) }
    try files.copyItem(atPath: Fixtures.dense, toPath: scratch("a/model"))
    try files.createSymbolicLink(atPath: scratch("a/link"), withDestinationPath: "model")
    try files.createSymbolicLink(atPath: scratch("b/away"), withDestinationPath: "../a/model")
    try Refusal.expect(
      ["--plugin", "Qwen3VL", "--to", "megatron", "--overwrite", scratch(overlap.source), scratch.url.path + "/" + overlap.output],
      in: scratch, code: 2, words: [overlap.words])
  }

  /// --overwrite is named where it would do something, and nowhere else.
  @Test func onlyWhatOverwriteWouldReplaceIsSaidToBeReplaced() throws {
    let scratch = try Scratch()
    let command = ["convert", "-q", "--plugin", "Qwen3VL", "--to", "megatron", Fixtures.experts]
    try FileManager.default.createDirectory(atPath: scratch("full"), withIntermediateDirectories: true)
    try Data("mine".utf8).write(to: URL(filePath: scratch("full/diary.txt")))
    let kept = try Host.run(command + [scratch("full")])
    #expect(kept.code == 2 && kept.errors.contains("exists already") && !kept.errors.contains("--overwrite"), "\(kept.errors)")
    try #require(try Host.run(command + [scratch("own")]).code == 0)
    let own = try Host.run(command + [scratch("own")])
    #expect(own.code == 2 && own.errors.contains("--overwrite replaces it"), "\(own.errors)")
    #expect(try Host.run(command + ["--overwrite", scratch("own")]).code == 0)
  }

  @Test func theFolderOfTheConfigIsNotReplaced() throws {
    let scratch = try Scratch()
    try FileManager.default.copyItem(atPath: Fixtures.dense, toPath: scratch("model"))
    let arguments = ["synth", "--plugin", "Qwen3VL", "--config", scratch("model/config.json"), "--overwrite", scratch("model")]
    Refusal.judge(try Host.run(arguments), code: 2, words: ["is where", "config.json"])
    try Host.convert(["--plugin", "Qwen3VL", "--to", "megatron", scratch("model"), scratch("out")])
    try Refusal.expect(
      ["--plugin", "Qwen3VL", "--to", "hf", "--overwrite", "--hf-config", scratch("model"), scratch("out"), scratch("model")],
      in: scratch, code: 2, words: ["is where", "/model "])
  }

  @Test(arguments: ["file", "link", "pipe", "folder", "training", "continued"])
  func overwriteLeavesAloneWhatNoCommandBringsBack(_ name: String) throws {
    let scratch = try Scratch()
    let files = FileManager.default
    try Data("mine".utf8).write(to: URL(filePath: scratch("file")))
    try files.createDirectory(atPath: scratch("folder"), withIntermediateDirectories: true)
    try Data("mine".utf8).write(to: URL(filePath: scratch("folder/notes")))
    try files.createDirectory(atPath: scratch("training/iter_0000100"), withIntermediateDirectories: true)
    try Data("100".utf8).write(to: URL(filePath: scratch("training/latest_checkpointed_iteration.txt")))
    try Host.convert(["--plugin", "Qwen3VL", "--to", "megatron", Fixtures.dense, scratch("continued")])
    try files.createDirectory(atPath: scratch("continued/iter_0000100"), withIntermediateDirectories: true)
    try files.createDirectory(atPath: scratch("empty"), withIntermediateDirectories: true)
    try files.createSymbolicLink(atPath: scratch("link"), withDestinationPath: "empty")
    #expect(mkfifo(scratch("pipe"), 0o600) == 0)
    try Refusal.expect(
      ["--plugin", "Qwen3VL", "--to", "megatron", "--overwrite", Fixtures.dense, scratch(name)], in: scratch, code: 2,
      words: [scratch(name), "--overwrite", "Remove it first"])
  }

  @Test func overwriteReplacesAnEmptyFolderAFormerOutputAndAModel() throws {
    let scratch = try Scratch()
    try FileManager.default.createDirectory(atPath: scratch("out"), withIntermediateDirectories: true)
    let convert = ["--plugin", "Qwen3VL", "--overwrite", "--to"]
    try Host.convert(convert + ["megatron", Fixtures.dense, scratch("out")])
    try Host.convert(convert + ["mimo", "--component", "language=tp=1", "--component", "images=tp=1", Fixtures.dense, scratch("out")])
    try FileManager.default.copyItem(atPath: Fixtures.dense, toPath: scratch("model"))
    try Host.convert(convert + ["hf", scratch("out"), scratch("model")])
    #expect(FileManager.default.fileExists(atPath: scratch("model/conversion_report.json")))
    #expect(scratch.names == ["model", "out"])
  }

  /// Half a table is worse than none.
  @Test(arguments: [["--help"], ["plugin", "list"], ["inspect", Fixtures.dense], ["shards", "--plugin", "Qwen3VL", "--json", Fixtures.dense]])
  func aResultThatDoesNotArriveIsAnError(_ arguments: [String]) throws {
    for (shell, reason) in [("exec >/dev/full", "No space left"), ("exec >&-", "Bad file descriptor")] {
      let outcome = try Host.run(arguments, shell: shell)
      Refusal.judge(outcome, code: 6, words: ["standard output", reason])
    }
  }
}
