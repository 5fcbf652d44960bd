import Foundation
import Testing

/// A checkpoint from anywhere must not lead to files outside of its folder.
@Suite struct EscapeTests {
  struct Link: CustomTestStringConvertible, Sendable {
    var testDescription: String { path }
    var format: String
    /// What becomes a link, in the folder of the checkpoint.
    var path: String
  }

  static let links = [
    Link(format: "megatron", path: "iter_0000000/.metadata"), Link(format: "megatron", path: "iter_0000000/__0_0.distcp"),
    Link(format: "megatron", path: "mimo_host"), Link(format: "megatron", path: "mimo_host/manifest.json"),
    Link(format: "megatron", path: "mimo_host/options.json"), Link(format: "megatron", path: "mimo_host/files"),
    Link(format: "megatron", path: "mimo_host/files/config.json"), Link(format: "megatron", path: "mimo_host/files/tokenizer.json"),
    Link(format: "megatron", path: "latest_train_state.pt"), Link(format: "megatron", path: "latest_checkpointed_iteration.txt"),
    Link(format: "ranks", path: "layout.json"), Link(format: "ranks", path: "rank-0001.safetensors"),
  ]

  /// The link's target is what was there, so that nothing but the link is wrong.
  @Test(arguments: links) func aLinkOutOfTheCheckpointIsRefused(_ link: Link) throws {
    let scratch = try Scratch()
    try Host.convert(["--plugin", "Qwen3VL", "--to", link.format, "--tp", "2", Fixtures.dense, scratch("model")])
    try FileManager.default.moveItem(atPath: scratch("model/" + link.path), toPath: scratch("elsewhere"))
    try FileManager.default.createSymbolicLink(
      atPath: scratch("model/" + link.path), withDestinationPath: scratch("elsewhere"))
    try Refusal.expect(
      ["--plugin", "Qwen3VL", "--to", "hf", scratch("model"), scratch("out")], in: scratch, code: 3,
      words: [scratch("model/" + link.path), "is a symbolic link"])
  }

  @Test(arguments: ["../../elsewhere", "/etc/hostname", "a/../../../elsewhere", ".."])
  func aCompanionOutsideOfTheRecordIsRefused(path: String) throws {
    let scratch = try Scratch()
    try Host.convert(["--plugin", "Qwen3VL", "--to", "megatron", Fixtures.dense, scratch("model")])
    try Data("secret".utf8).write(to: URL(filePath: scratch("model/elsewhere")))
    try editJSON(scratch("model/mimo_host/manifest.json")) { manifest in
      manifest["companions"] = [["path": "config.json", "size": 1], ["path": path, "size": 6]]
    }
    try Refusal.expect(
      ["--plugin", "Qwen3VL", "--to", "hf", scratch("model"), scratch("out")], in: scratch, code: 3,
      words: ["manifest.json", "is no path inside the folder"])
  }

  /// Hundred bytes that ask for sixteen million ranks.
  @Test func aLayoutOfMoreRanksThanFilesIsRefused() throws {
    let scratch = try Scratch()
    try Host.convert(["--plugin", "Qwen3VL", "--to", "ranks", "--tp", "1", Fixtures.dense, scratch("model")])
    try editJSON(scratch("model/layout.json")) { layout in
      layout["layout"] = ["tp": 1, "pp": 1]
      layout["world_size"] = 1 << 24
    }
    try Refusal.expect(
      ["--plugin", "Qwen3VL", "--to", "hf", scratch("model"), scratch("out")], in: scratch, code: 3,
      words: ["layout.json", "16777216 ranks"])
  }
}
