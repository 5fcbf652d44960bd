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

  /// The same rule for a Hugging Face folder, and a way around it.
  @Test(arguments: ["config.json", "model.safetensors", "extra.txt", "folder"])
  func aLinkOutOfAFolderIsFollowedOnlyWhenAsked(_ name: String) throws {
    let scratch = try Scratch()
    let files = FileManager.default
    try files.copyItem(atPath: Fixtures.dense, toPath: scratch("model"))
    var target = scratch("elsewhere")
    if name == "folder" || name == "extra.txt" {
      try files.createDirectory(atPath: scratch("elsewhere"), withIntermediateDirectories: true)
      if name == "extra.txt" {
        target += "/secret"
        try Data("secret".utf8).write(to: URL(filePath: target))
      }
    } else {
      let own = try #require(name == "config.json" ? name : files.contentsOfDirectory(atPath: scratch("model")).first { $0.hasSuffix(".safetensors") })
      try files.moveItem(atPath: scratch("model/" + own), toPath: target)
      try files.createSymbolicLink(atPath: scratch("model/" + own), withDestinationPath: target)
    }
    if name == "folder" || name == "extra.txt" {
      try files.createSymbolicLink(atPath: scratch("model/" + name), withDestinationPath: target)
    }
    let arguments = ["--plugin", "Qwen3VL", "--to", "megatron", scratch("model"), scratch("out")]
    try Refusal.expect(
      arguments, in: scratch, code: 3, words: ["is a symbolic link to ", "elsewhere", "--follow-links"])
    try Host.convert(["--follow-links"] + arguments)
    if name == "extra.txt" { #expect(files.contents(atPath: scratch("out/mimo_host/files/extra.txt")) == Data("secret".utf8)) }
  }

  @Test func linksInsideOfAFolderAndOfTheHubsCacheNeedNoWord() throws {
    let scratch = try Scratch()
    let files = FileManager.default
    let cache = scratch("hub/models--org--name")
    for folder in ["blobs", "snapshots/0123"] {
      try files.createDirectory(atPath: cache + "/" + folder, withIntermediateDirectories: true)
    }
    for (number, name) in try files.contentsOfDirectory(atPath: Fixtures.dense).sorted().enumerated() {
      try files.copyItem(atPath: Fixtures.dense + "/" + name, toPath: cache + "/blobs/\(number)")
      try files.createSymbolicLink(
        atPath: cache + "/snapshots/0123/" + name, withDestinationPath: "../../blobs/\(number)")
    }
    try files.createSymbolicLink(atPath: cache + "/snapshots/0123/again.json", withDestinationPath: "config.json")
    // The snapshot itself may be named by a link.
    try files.createSymbolicLink(atPath: scratch("model"), withDestinationPath: cache + "/snapshots/0123")
    try Host.convert(["--plugin", "Qwen3VL", "--to", "megatron", scratch("model"), scratch("out")])
    // The blobs of another model are none of its own.
    let other = scratch("hub/models--org--other/blobs")
    try files.createDirectory(atPath: other, withIntermediateDirectories: true)
    try Data("x".utf8).write(to: URL(filePath: other + "/0"))
    try files.createSymbolicLink(atPath: cache + "/snapshots/0123/more.txt", withDestinationPath: other + "/0")
    try Refusal.expect(
      ["--plugin", "Qwen3VL", "--to", "megatron", scratch("model"), scratch("out2")], in: scratch, code: 3,
      words: ["more.txt", "--follow-links"])
  }

  /// Links that stay in the checkpoint are followed in Megatron's formats too.
  @Test func aLinkInsideOfAMegatronCheckpointIsFollowed() throws {
    let scratch = try Scratch()
    let files = FileManager.default
    try Host.convert(["--plugin", "Qwen3VL", "--to", "megatron", Fixtures.dense, scratch("model")])
    try files.moveItem(atPath: scratch("model/iter_0000000/.metadata"), toPath: scratch("model/metadata"))
    try files.createSymbolicLink(atPath: scratch("model/iter_0000000/.metadata"), withDestinationPath: "../metadata")
    try Host.convert(["--plugin", "Qwen3VL", "--to", "hf", scratch("model"), scratch("out")])
  }

  @Test(arguments: ["../../elsewhere", "/etc/hostname", "a/../../../elsewhere", ".."])
  func aCompanionOutsideOfTheRecordIsRefused(path: String) throws {
    let scratch = try Scratch()
    try Host.convert(["--plugin", "Qwen3VL", "--to", "megatron", Fixtures.dense, scratch("model")])
    try disown(scratch("model"))
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
    try disown(scratch("model"))
    try editJSON(scratch("model/layout.json")) { layout in
      layout["layout"] = ["tp": 1, "pp": 1]
      layout["world_size"] = 1 << 24
    }
    try Refusal.expect(
      ["--plugin", "Qwen3VL", "--to", "hf", scratch("model"), scratch("out")], in: scratch, code: 3,
      words: ["layout.json", "16777216 ranks"])
  }
}
