import Foundation
import Testing

/// SOURCE as it is called in the hub, out of the local cache.
@Suite struct HubNameCommandTests {
  private static let commit = String(repeating: "0123456789abcdef", count: 3).prefix(40)

  /// A cache below `hub` that has the model as `tiny/vl`; returns where its files are.
  private static func cache(_ model: Model) throws -> String {
    let source = try model.synth()
    let home = model.path("hub/models--tiny--vl")
    let (blobs, snapshot) = (home + "/blobs", home + "/snapshots/\(commit)")
    for folder in [blobs, snapshot, home + "/refs"] {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }
    try Data(commit.utf8).write(to: URL(filePath: home + "/refs/main"))
    for name in try FileManager.default.contentsOfDirectory(atPath: source) {
      try FileManager.default.moveItem(atPath: source + "/" + name, toPath: blobs + "/blob-" + name)
      try FileManager.default.createSymbolicLink(atPath: snapshot + "/" + name, withDestinationPath: "../../blobs/blob-" + name)
    }
    try FileManager.default.removeItem(atPath: source)
    return snapshot
  }

  @Test(arguments: ["tiny/vl", "tiny/vl@main", "models--tiny--vl", "hub/models--tiny--vl"])
  func aDownloadedModelIsNamedAsInTheHub(_ name: String) throws {
    let model = try Model("qwen3_vl")
    let snapshot = try Self.cache(model)
    let shell = "export HF_HUB_CACHE='\(model.path("hub"))'; cd '\(model.path(""))'"
    let common = ["--plugin", "Qwen3VL", "--to", "megatron"]
    let made = try Host.run(["convert"] + common + [name, "out"], shell: shell)
    #expect(made.code == 0, "\(made.errors)")
    let report = try JSONSerialization.jsonObject(
      with: Data(contentsOf: URL(filePath: model.path("out/conversion_report.json")))) as? [String: Any]
    #expect((report?["source"] as? [String: Any])?["path"] as? String == snapshot)
    for command in [
      ["plan"] + common + [name], ["inspect", name], ["verify", "--plugin", "Qwen3VL", name, "out"],
      ["splice", "--plugin", "Qwen3VL", "--from", "images=" + name, name, "spliced"],
    ] {
      let outcome = try Host.run(command, shell: shell)
      #expect(outcome.code == 0, "\(command): \(outcome.errors)")
    }
  }

  @Test func aPathThatExistsWins() throws {
    let model = try Model("qwen3_vl")
    _ = try Self.cache(model)
    try model.synth("tiny-vl")
    try FileManager.default.createDirectory(atPath: model.path("tiny"), withIntermediateDirectories: true)
    try FileManager.default.moveItem(atPath: model.path("tiny-vl"), toPath: model.path("tiny/vl"))
    let shell = "export HF_HUB_CACHE='\(model.path("hub"))'; cd '\(model.path(""))'"
    let outcome = try Host.run(["inspect", "--json", "tiny/vl"], shell: shell)
    #expect(outcome.code == 0 && !outcome.output.contains("snapshots"), "\(outcome.errors)")
  }

  @Test func aModelThatIsNotThereIsToldHowToGet() throws {
    let model = try Model("qwen3_vl")
    let shell = "export HF_HUB_CACHE='\(model.path("hub"))'; cd '\(model.path(""))'"
    let outcome = try Host.run(["plan", "--plugin", "Qwen3VL", "--to", "megatron", "Qwen/Qwen3-VL-8B-Instruct"], shell: shell)
    #expect(outcome.code == 2 && outcome.errors.contains("hf download Qwen/Qwen3-VL-8B-Instruct"), "\(outcome.errors)")
    #expect(outcome.errors.split(separator: "\n").count == 1)
  }
}
