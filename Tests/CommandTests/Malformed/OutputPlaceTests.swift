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
    // Left by a run that was killed before it made anything.
    try FileManager.default.createDirectory(
      atPath: scratch(".full.mimo-host-work"), withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
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

  /// What a user may have in the place of OUT, made in a scratch folder.
  enum Former: String, CaseIterable, Sendable {
    case file, link, pipe, folder, training, model
    case continued, diary, hidden, linked, emptied, touched, edited, missing, copiedReport, damagedReport, schema1

    /// Makes it as `out`; answers words of the refusal.
    func make(in scratch: Scratch) throws -> [String] {
      let files = FileManager.default
      let out = scratch("out")
      func write(_ text: String, to path: String) throws { try Data(text.utf8).write(to: URL(filePath: path)) }
      func converted() throws { try Host.convert(["--plugin", "Qwen3VL", "--to", "megatron", Fixtures.dense, out]) }
      func folder(_ path: String) throws { try files.createDirectory(atPath: path, withIntermediateDirectories: true) }
      switch self {
      case .file: try write("mine", to: out)
      case .link:
        try folder(scratch("empty"))
        try files.createSymbolicLink(atPath: out, withDestinationPath: "empty")
      case .pipe: #expect(mkfifo(out, 0o600) == 0)
      case .folder:
        try folder(out)
        try write("mine", to: out + "/notes")
      case .training:
        try folder(out + "/iter_0000100")
        try write("100", to: out + "/latest_checkpointed_iteration.txt")
      case .model: try files.copyItem(atPath: Fixtures.dense, toPath: out)
      case .continued:
        try converted()
        try folder(out + "/iter_0000100")
        return ["iter_0000100 (empty folder)"]
      case .diary, .hidden:
        try converted()
        let name = self == .diary ? "mimo_host/files/diary.txt" : ".diary"
        try write("precious", to: out + "/" + name)
        return ["\(name) (not listed)"]
      case .linked:
        try converted()
        try files.createSymbolicLink(atPath: out + "/data", withDestinationPath: "/")
        return ["data (symbolic link)"]
      case .emptied:
        try converted()
        for name in try files.contentsOfDirectory(atPath: out) where name != "conversion_report.json" {
          try files.removeItem(atPath: out + "/" + name)
        }
        return ["(missing)", " more, so"]
      case .touched:
        try converted()
        try files.setAttributes([.modificationDate: Date()], ofItemAtPath: out + "/mimo_host/files/config.json")
        return ["mimo_host/files/config.json (changed)"]
      case .edited:
        try converted()
        try write("{}", to: out + "/mimo_host/files/config.json")
        return ["mimo_host/files/config.json (changed)"]
      case .missing:
        try converted()
        try files.removeItem(atPath: out + "/iter_0000000/common.pt")
        return ["iter_0000000/common.pt (missing)"]
      case .copiedReport:
        try Host.convert(["--plugin", "Qwen3VL", "--to", "megatron", Fixtures.dense, scratch("other")])
        try folder(out)
        try files.copyItem(atPath: scratch("other/conversion_report.json"), toPath: out + "/conversion_report.json")
        try write("precious", to: out + "/diary.txt")
        return ["diary.txt (not listed)", "(missing)", " more, so"]
      case .damagedReport:
        try converted()
        try flip(out + "/conversion_report.json", at: 100)
      case .schema1:
        let old = FrozenHost.convert(["--to", "ranks", "--tp", "2", Fixtures.dense, out])
        #expect(old.code == 0, "\(old.errors)")
        return ["schema 1"]
      }
      return []
    }
  }

  @Test(arguments: Former.allCases) func overwriteLeavesAloneWhatNoCommandBringsBack(_ former: Former) throws {
    let scratch = try Scratch()
    let words = try former.make(in: scratch)
    try Refusal.expect(
      ["--plugin", "Qwen3VL", "--to", "megatron", "--overwrite", Fixtures.dense, scratch("out")], in: scratch, code: 2,
      words: words + [scratch("out"), "--overwrite", "remove it with rm -r \(scratch("out"))"])
  }

  /// SOURCE and OUT in each other's place: the model that was to be read is still there.
  @Test func swappedArgumentsCostNoModel() throws {
    let scratch = try Scratch()
    try FileManager.default.copyItem(atPath: Fixtures.dense, toPath: scratch("model"))
    try Host.convert(["--plugin", "Qwen3VL", "--to", "megatron", scratch("model"), scratch("out")])
    for format in ["hf", "megatron"] {
      try Refusal.expect(
        ["--plugin", "Qwen3VL", "--to", format, "--overwrite", scratch("out"), scratch("model")], in: scratch, code: 2,
        words: ["was not written by mimo-host", "rm -r"])
    }
  }

  @Test func overwriteReplacesAnEmptyFolderAndWhatMimoHostWrote() throws {
    let scratch = try Scratch()
    try FileManager.default.createDirectory(atPath: scratch("out"), withIntermediateDirectories: true)
    let convert = ["--plugin", "Qwen3VL", "--overwrite", "--to"]
    let images = ["--component", "language=tp=1", "--component", "images=tp=1"]
    try Host.convert(convert + ["megatron", Fixtures.dense, scratch("out")])
    try Host.convert(convert + ["mimo"] + images + [Fixtures.dense, scratch("out")])
    try Host.convert(convert + ["hf", scratch("out"), scratch("back")])
    try Host.convert(convert + ["hf", scratch("out"), scratch("back")])
    try Host.convert(convert + ["fsdp_dtensor", "--fsdp", "2", scratch("back"), scratch("out")])
    let synth = ["synth", "-q", "--plugin", "Qwen3VL", "--config", Fixtures.dense + "/config.json", "--overwrite", scratch("out")]
    for _ in 0..<2 { #expect(try Host.run(synth).code == 0) }
    try Host.convert(convert + ["ranks", "--tp", "2", Fixtures.dense, scratch("out")])
    #expect(try readJSON(scratch("out/conversion_report.json"))["schema"] as? Int == 2)
    #expect(scratch.names == ["back", "out"])
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
