import Foundation
import Testing

/// The files beside the weights, in both forms of `verify`.
@Suite struct VerifyFilesTests {
  private static let plugin = ["--plugin", "Qwen3VL"]

  @Test(arguments: [
    ["--to", "megatron", "--tp", "2"], SourceReportTests.mimo, ["--to", "fsdp_dtensor", "--fsdp", "2"],
    ["--to", "ranks", "--tp", "2"], ["--to", "hf"], ["via", "--to", "fsdp_dtensor", "--fsdp", "3"],
    ["via", "--to", "ranks", "--tp", "2", "--pp", "2"],
  ])
  func aWrongBitInAnyFileIsFoundByItsReport(_ layout: [String]) throws {
    let scratch = try Scratch()
    var source = Fixtures.dense
    let (isFolder, isFromStored) = (layout == ["--to", "hf"], layout[0] == "via" || layout[1] == "hf")
    if isFromStored {
      try Host.convert(Self.plugin + ["--to", "megatron", source, scratch("via")])
      source = scratch("via")
    }
    try Host.convert(Self.plugin + layout.filter { $0 != "via" } + [source, scratch("out")])
    let verify = ["verify"] + Self.plugin + [scratch("out")]
    let clean = try Host.run(verify)
    #expect(clean.code == 0 && !clean.output.contains("no digest"), "\(clean.output)\(clean.errors)")
    let listed = try #require(try readJSON(scratch("out/conversion_report.json"))["files"] as? [[String: Any]])
    let trackers = ["latest_checkpointed_iteration.txt", "latest_train_state.pt"]
    for name in listed.compactMap({ $0["path"] as? String }) where !trackers.contains(name) {
      let path = scratch("out/\(name)")
      // The last byte of weights is a tensor's in safetensors and a frame's in .distcp; in small files the middle.
      let isWeights = name.hasSuffix(".safetensors") || name.hasSuffix(".distcp")
      let place = isWeights ? try size(path) - 1 : try size(path) / 2
      try flip(path, at: place)
      let outcome = try Host.run(verify)
      #expect(outcome.code == 7 && outcome.output.contains(name), "\(name): \(outcome.output)\(outcome.errors)")
      #expect(outcome.output.contains("different: 1 tensor or file"), "\(name): \(outcome.output)")
      try flip(path, at: place)
    }
    try FileManager.default.removeItem(atPath: scratch("out/" + (isFolder ? "" : "mimo_host/files/") + "tokenizer.json"))
    let missing = try Host.run(verify)
    #expect(missing.code == 7 && missing.output.contains("tokenizer.json: is not in the checkpoint"), "\(missing.output)\(missing.errors)")
  }

  @Test func aPrimeFolderIsCheckedByItsReport() throws {
    let model = try Model("qwen3_5_vl_moe")
    let prime = try model.convert(try model.synth(), to: "prime", "--to", "prime")
    let clean = try model.verify(prime)
    #expect(clean.status == 0 && !clean.output.contains("no digest"), "\(clean.output)\(clean.errors)")
    for name in ["config.json", "model.safetensors", "mimo_host/manifest.json"] where FileManager.default.fileExists(atPath: "\(prime)/\(name)") {
      try flip("\(prime)/\(name)", at: try size("\(prime)/\(name)") - 3)
      let changed = try model.verify(prime)
      #expect(changed.status == 7 && changed.output.contains(name), "\(name): \(changed.output)\(changed.errors)")
      try flip("\(prime)/\(name)", at: try size("\(prime)/\(name)") - 3)
    }
  }

  @Test func theIterationsFolderIsCheckedByTheReportAboveIt() throws {
    let scratch = try Scratch()
    try Host.convert(Self.plugin + ["--to", "megatron", Fixtures.dense, scratch("out")])
    let verify = ["verify"] + Self.plugin + [scratch("out/iter_0000000")]
    #expect(try Host.run(verify).code == 0)
    try flip(scratch("out/iter_0000000/__0_0.distcp"), at: 2048)
    #expect(try Host.run(verify).code == 7)
  }

  @Test func filesThatAreNotListedAreCounted() throws {
    let scratch = try Scratch()
    try Host.convert(Self.plugin + ["--to", "megatron", Fixtures.dense, scratch("out")])
    try Data("x".utf8).write(to: URL(filePath: scratch("out/notes.txt")))
    let outcome = try Host.run(["verify"] + Self.plugin + [scratch("out")])
    #expect(outcome.code == 0 && outcome.output.contains("not in the report, and not looked at: 1 file: notes.txt"))
  }

  // MARK: Two checkpoints

  @Test func companionsOfTwoCheckpointsAreCompared() throws {
    let scratch = try Scratch()
    for name in ["a", "b"] { try FileManager.default.copyItem(atPath: Fixtures.dense, toPath: scratch(name)) }
    try Host.convert(Self.plugin + ["--to", "megatron", scratch("b"), scratch("c")])
    for other in ["b", "c"] {
      let same = try Host.run(["verify"] + Self.plugin + [scratch("a"), scratch(other)])
      #expect(same.code == 0 && !same.output.contains("differs"), "\(same.output)\(same.errors)")
    }
    try flip(scratch("a/tokenizer.json"), at: 1000)
    for other in ["b", "c"] {
      let outcome = try Host.run(["verify"] + Self.plugin + [scratch("a"), scratch(other)])
      #expect(outcome.code == 7, "\(outcome.output)\(outcome.errors)")
      #expect(outcome.output.contains("differs: tokenizer.json: differs from byte 1000 on"), "\(outcome.output)")
    }
  }

  /// The dtype of a config says how values are stored; the dtype of each tensor is compared anyway.
  @Test func aConfigDiffersByWhatItSaysOfTheModel() throws {
    let scratch = try Scratch()
    for name in ["a", "b"] { try FileManager.default.copyItem(atPath: Fixtures.dense, toPath: scratch(name)) }
    func edit(_ change: (inout [String: Any]) -> Void) throws {
      var config = try readJSON(scratch("b/config.json"))
      change(&config)
      try JSONSerialization.data(withJSONObject: config).write(to: URL(filePath: scratch("b/config.json")))
    }
    let verify = ["verify"] + Self.plugin + [scratch("a"), scratch("b")]
    try edit { ($0["torch_dtype"], $0["transformers_version"]) = ("float32", "9.9") }
    let stored = try Host.run(verify)
    #expect(stored.code == 0 && stored.output.contains("note: config.json differs in "), "\(stored.output)\(stored.errors)")
    try edit { $0["eos_token_id"] = 12345 }
    let other = try Host.run(verify)
    #expect(other.code == 7 && other.output.contains("differs: config.json: differs in eos_token_id"), "\(other.output)\(other.errors)")
  }
}
