import Foundation
import Testing

/// Files that are no weights go along, but not those that a pickle loader would open.
@Suite struct CompanionCodeTests {
  static let loaded: [String: [UInt8]] = [
    "pytorch_model.bin": Array("no pickle at all".utf8), "extra/optimizer.PT": [1], "a.pth": [1], "b.pkl": [1],
    "c.pickle": [1], "last.ckpt": [1], "archive.dat": Payload.archive, "plain.dat": Payload.pickle,
    "original/params.json": [1], "metal/m": [1], "checkpoint-100/trainer_state.json": [1], "global_step20/x.safetensors": [1],
    "a.gguf": [1], "onnx/b.onnx": [1], "run_config.yaml": [1], "pytorch_model.bin.index.json": [1],
  ]
  static let plain: [String: [UInt8]] = [
    "spiece.model": [0x0A, 0x0E, 0x0A, 0x05], "vocab.txt": Array("cposix\nsystem\n".utf8), "chat.jinja": Array("{{ x }}".utf8),
    "notes.txt": Array("PK is no archive".utf8), "modeling_own.py": Array("print(1)\n".utf8), "empty": [],
    // A head of 0x0280 bytes begins as a pickle does.
    "lora/adapter.safetensors": [0x80, 2, 0, 0, 0, 0, 0, 0, 0x7B] + [UInt8](repeating: 0x20, count: 0x27F),
  ]

  /// A model with both kinds beside its weights.
  private static func source(_ model: String, in scratch: Scratch) throws -> String {
    let folder = scratch("hf")
    try FileManager.default.copyItem(atPath: model, toPath: folder)
    for (name, bytes) in loaded.merging(plain, uniquingKeysWith: { first, _ in first }) { try write(bytes, folder + "/" + name) }
    return folder
  }

  private static func write(_ bytes: [UInt8], _ path: String) throws {
    try FileManager.default.createDirectory(
      at: URL(filePath: path).deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(filePath: path))
  }

  private static func present(_ names: some Collection<String>, in folder: String) -> Set<String> {
    Set(names.filter { FileManager.default.fileExists(atPath: "\(folder)/\($0)") })
  }

  /// How a model is imported, and where its files that are no weights lie then.
  struct Form: Sendable, CustomTestStringConvertible {
    var plugin = "Qwen3VL"
    var format: String
    var model = Fixtures.dense
    var files = "/mimo_host/files"
    var testDescription: String { format }
  }

  /// prime-rl's layout is only of families that the reference's data has.
  static let forms = [Form(format: "megatron"), Form(format: "fsdp_dtensor")]
    + ReferenceFolder.golden.primes.prefix(1).map {
      Form(plugin: $0.plugin, format: "prime", model: $0.source, files: "")
    }

  @Test(arguments: forms) func anImportLeavesThemOutByName(_ form: Form) throws {
    let scratch = try Scratch()
    let files = form.files
    let command = [
      "--plugin", form.plugin, "--to", form.format, try CompanionCodeTests.source(form.model, in: scratch),
    ]
    let plan = try Host.run(["plan"] + command)
    for name in CompanionCodeTests.loaded.keys { #expect(plan.output.contains(name), "\(name): \(plan.output)") }
    let run = try Host.run(["convert"] + command + [scratch("out")])
    try #require(run.code == 0, "\(run.errors)")
    #expect(CompanionCodeTests.present(CompanionCodeTests.loaded.keys, in: scratch("out") + files).isEmpty)
    #expect(
      CompanionCodeTests.present(CompanionCodeTests.plain.keys, in: scratch("out") + files)
        == Set(CompanionCodeTests.plain.keys))
    #expect(try Payload.files(in: scratch("out")) == [])
    let left = try omissions(scratch("out"))
    #expect(Set(left.keys).isSuperset(of: CompanionCodeTests.loaded.keys), "\(left)")
    #expect(run.output.contains("modeling_own.py") && run.output.contains("trust_remote_code"), "\(run.output)")
  }

  /// A record that an older version wrote may hold them.
  @Test(arguments: [["--to", "hf"], ["--to", "megatron", "--pp", "2"]])
  func whatAnOlderRecordHoldsStaysBehind(form: [String]) throws {
    let scratch = try Scratch()
    try Host.convert(["--plugin", "Qwen3VL", "--to", "megatron", Fixtures.dense, scratch("model")])
    let record = scratch("model") + "/mimo_host"
    try CompanionCodeTests.write(Payload.archive, record + "/files/old/pytorch_model.bin")
    try editJSON(record + "/manifest.json") { manifest in
      var companions = manifest["companions"] as? [[String: Any]] ?? []
      companions.append(["path": "old/pytorch_model.bin", "size": Payload.archive.count])
      manifest["companions"] = companions
    }
    try FileManager.default.removeItem(atPath: scratch("model") + "/conversion_report.json")
    let arguments = ["--plugin", "Qwen3VL"] + form + [scratch("model"), scratch("out")]
    try Host.convert(arguments)
    #expect(try Payload.files(in: scratch("out")) == [])
    #expect(try omissions(scratch("out"))["old/pytorch_model.bin"]?.contains("pickle") == true)
    if !form.contains("hf") { try Host.convert(["--plugin", "Qwen3VL", "--to", "hf", scratch("out"), scratch("again")]) }
  }
}
