import Foundation
import Testing

/// What is read of a folder with a report must have the digests in it.
@Suite struct SourceReportTests {
  static let mimo = ["--to", "mimo", "--component", "language=tp=2,pp=2,dp=1", "--component", "images=tp=1"]
  private static let plugin = ["--plugin", "Qwen3VL"]

  /// One wrong bit in a file of a folder that mimo-host made, and the conversion that reads it.
  struct Flip: Sendable, CustomTestStringConvertible {
    /// How the folder is made of the fixture; none for an import that is exported again.
    var made: [String]
    var file: String
    /// From the start, or from the end when negative.
    var at = -1
    /// In a safetensors file: the first tensor whose name begins so, instead.
    var tensor: String?
    var read: [String]
    /// With --ignore-report it goes through.
    var isReadable = true
    /// It is told by the tensor.
    var hasTensor: Bool { tensor != nil || file.hasSuffix(".distcp") }
    /// In the value of the key "format" of a safetensors head, instead.
    var inHead = false
    var testDescription: String { "\(made.joined(separator: " ")): \(file) \(at), read \(read.joined(separator: " "))" }

    private static let ranks = ["--to", "ranks", "--tp", "2", "--pp", "2"]
    private static let megatron = ["--to", "megatron", "--pp", "2"]
    private static let fsdp = ["--to", "fsdp_dtensor", "--fsdp", "2"]
    private static let prime = ["--to", "prime"]
    private static let hf = ["--to", "hf"]

    static let all = [
      // Weights. A .distcp has a CRC-32 of each item too, so --ignore-report is no way past it.
      Flip(made: ranks, file: "rank-0000.safetensors", tensor: "language_model.decoder.layers.0.mlp.linear_fc1.weight", read: hf),
      Flip(made: ranks, file: "rank-0003.safetensors", tensor: "language_model.output", read: ["--to", "megatron"]),
      Flip(made: prime, file: "model.safetensors", tensor: "model.", read: hf),
      Flip(made: hf, file: "model-00001-of-00004.safetensors", tensor: "model.", read: mimo),
      Flip(made: hf, file: "model-00002-of-00004.safetensors", tensor: "model.", read: fsdp),
      Flip(made: hf, file: "model.safetensors", tensor: "model.", read: prime),
      Flip(made: megatron, file: "iter_0000000/__0_0.distcp", at: 2048, read: hf, isReadable: false),
      Flip(made: mimo, file: "iter_0000000/__0_0.distcp", at: 2048, read: ranks, isReadable: false),
      Flip(made: fsdp, file: "iter_0000000/__1_0.distcp", at: 2048, read: hf, isReadable: false),
      // The head of a file travels along.
      Flip(made: hf, file: "model-00001-of-00004.safetensors", read: megatron, inHead: true),
      // What travels along.
      Flip(made: megatron, file: "mimo_host/files/tokenizer.json", at: 1000, read: hf),
      Flip(made: mimo, file: "mimo_host/files/generation_config.json", at: 10, read: megatron),
      Flip(made: hf, file: "tokenizer.json", at: 1000, read: megatron),
      Flip(made: hf, file: "tokenizer_config.json", at: 5, read: fsdp),
      Flip(made: ranks, file: "mimo_host/files/tokenizer_config.json", at: 5, read: hf),
      // What decides how weights are read.
      Flip(made: hf, file: "config.json", at: 30, read: megatron, isReadable: false),
      Flip(made: hf, file: "model.safetensors.index.json", at: -40, read: megatron, isReadable: false),
      Flip(made: prime, file: "config.json", at: 30, read: hf, isReadable: false),
      Flip(made: megatron, file: "mimo_host/files/config.json", at: 30, read: hf, isReadable: false),
      Flip(made: megatron, file: "mimo_host/manifest.json", at: 60, read: hf, isReadable: false),
      Flip(made: megatron, file: "mimo_host/options.json", at: 5, read: hf, isReadable: false),
      Flip(made: megatron, file: "iter_0000000/.metadata", at: -200, read: hf, isReadable: false),
      Flip(made: megatron, file: "iter_0000000/metadata.json", at: 5, read: hf, isReadable: false),
      Flip(made: megatron, file: "iter_0000000/common.pt", at: 300, read: ["--to", "megatron"], isReadable: false),
      Flip(made: megatron, file: "iter_0000000/train_state.pt", at: 300, read: ["--to", "megatron"], isReadable: false),
      Flip(made: ranks, file: "layout.json", at: 20, read: hf, isReadable: false),
    ]

    func place(in path: String) throws -> UInt64 {
      if let tensor { return try #require(try SourceReportTests.place(ofTensor: tensor, in: path)) }
      if inHead {
        let text = try #require(try Data(contentsOf: URL(filePath: path)).firstRange(of: Data(":\"pt\"".utf8)))
        return UInt64(text.lowerBound + 3)
      }
      return at < 0 ? try size(path) - UInt64(-at) : UInt64(at)
    }

    /// Makes the folder; answers the path of the file.
    func make(in scratch: Scratch) throws -> String {
      var source = Fixtures.dense
      if made == Flip.prime || read == Flip.prime {
        // A model that prime-rl has a layout for.
        let config = Host.package.appending(path: "Tests/Fixtures/configs/qwen3_5_vl_moe.json").path
        try #require(try Host.run(["synth", "-q"] + plugin + ["--config", config, scratch("made-up")]).code == 0)
        source = scratch("made-up")
      }
      if made == Flip.hf {
        try Host.convert(plugin + Flip.megatron + [source, scratch("via")])
        source = scratch("via")
      }
      try Host.convert(plugin + made + [source, scratch("source")])
      return scratch("source/\(file)")
    }
  }

  @Test(arguments: Flip.all) func aWrongBitInWhatIsReadIsRefused(_ flip: Flip) throws {
    let scratch = try Scratch()
    let path = try flip.make(in: scratch)
    let place = try flip.place(in: path)
    try CommandTests.flip(path, at: place)
    let command = SourceReportTests.plugin + flip.read + [scratch("source"), scratch("out")]
    try Refusal.expect(
      command, in: scratch, code: 3,
      words: [path, "conversion_report.json says", "--ignore-report"] + (flip.hasTensor ? ["tensor ", "bytes "] : flip.inHead ? ["bytes 0 to "] : []))
    guard flip.isReadable else { return }
    try Host.convert(["--ignore-report"] + command)
  }

  @Test func aWrongBitInADonorOrBaseIsRefused() throws {
    let scratch = try Scratch()
    let splice = ["splice", "-q", "--plugin", "Qwen3VL", "--from", "images=" + scratch("other")]
    try Host.convert(SourceReportTests.plugin + ["--to", "megatron", Fixtures.dense, scratch("via")])
    for folder in ["base", "other"] { try Host.convert(SourceReportTests.plugin + ["--to", "hf", scratch("via"), scratch(folder)]) }
    let clean = try Host.run(splice + [scratch("base"), scratch("clean")])
    #expect(clean.code == 0, "\(clean.errors)")
    // The other's language is not read, and neither is the base's vision tower.
    for (folder, prefix, isRead) in [
      ("other", "model.visual.", true), ("base", "model.language_model.", true), ("other", "model.language_model.", false),
      ("base", "model.visual.", false),
    ] {
      let (path, place) = try Self.tensor(beginning: prefix, in: scratch(folder))
      try flip(path, at: place)
      let outcome = try Host.run(splice + [scratch("base"), scratch("out")])
      if isRead {
        Refusal.judge(outcome, code: 3, words: [path, "tensor \(prefix)", "--ignore-report"])
      } else {
        #expect(outcome.code == 0, "\(folder) \(prefix): \(outcome.errors)")
      }
      try? FileManager.default.removeItem(atPath: scratch("out"))
      try flip(path, at: place)
    }
  }

  /// Where the first tensor of these lies.
  private static func tensor(beginning prefix: String, in folder: String) throws -> (path: String, place: UInt64) {
    for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() where name.hasSuffix(".safetensors") {
      if let place = try place(ofTensor: prefix, in: "\(folder)/\(name)") { return ("\(folder)/\(name)", place) }
    }
    throw CocoaError(.fileReadUnknown)
  }

  /// Where the first weight of these lies in a safetensors file.
  fileprivate static func place(ofTensor prefix: String, in path: String) throws -> UInt64? {
    let data = try Data(contentsOf: URL(filePath: path))
    let length = Int(data.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    let head = try #require(try JSONSerialization.jsonObject(with: data[8..<(8 + length)]) as? [String: Any])
    guard let key = head.keys.sorted().first(where: { $0.hasPrefix(prefix) && $0.hasSuffix("weight") }) else { return nil }
    let range = try #require((head[key] as? [String: Any])?["data_offsets"] as? [Int])
    return UInt64(8 + length + range[0])
  }

  // MARK: No false alarm

  /// Trackers, a later iteration of a training, files that nothing reads: none of them is the weights' digest's matter.
  @Test func whatIsNotReadRaisesNoAlarm() throws {
    let scratch = try Scratch()
    let files = FileManager.default
    let export = SourceReportTests.plugin + ["--to", "hf", scratch("source"), scratch("out")]
    try Host.convert(SourceReportTests.plugin + ["--to", "megatron", "--tp", "2", Fixtures.dense, scratch("source")])
    try files.removeItem(atPath: scratch("source/latest_train_state.pt"))
    try Data("0  \n".utf8).write(to: URL(filePath: scratch("source/latest_checkpointed_iteration.txt")))
    try Data("# mine\n".utf8).write(to: URL(filePath: scratch("source/iter_0000000/run_config.yaml")))
    try Host.convert(export)
    try files.removeItem(atPath: scratch("out"))
    // A training saved on, and its first iteration is another's by now.
    try files.copyItem(atPath: scratch("source/iter_0000000"), toPath: scratch("source/iter_0000100"))
    try Data("100\n".utf8).write(to: URL(filePath: scratch("source/latest_checkpointed_iteration.txt")))
    for name in [".metadata", "common.pt", "__0_0.distcp"] {
      let path = scratch("source/iter_0000000/\(name)")
      try flip(path, at: try size(path) / 2)
    }
    try Host.convert(export)
    // Named by itself, the first iteration has the report above it.
    let first = SourceReportTests.plugin + ["--to", "hf", scratch("source/iter_0000000"), scratch("first")]
    Refusal.judge(try Host.run(["convert", "-q"] + first), code: 3, words: [".metadata", "--ignore-report"])
  }

  /// Rows that pad a vocabulary are the checkpoint's, and those that a smaller config cuts off are no damage.
  @Test func rowsBeyondTheVocabularyRaiseNoAlarm() throws {
    let scratch = try Scratch()
    let padded = ["--pad-vocab", "--tp", "4"]
    try Host.convert(SourceReportTests.plugin + ["--to", "megatron"] + padded + [Fixtures.dense, scratch("padded")])
    try Host.convert(SourceReportTests.plugin + ["--to", "ranks", "--tp", "2", scratch("padded"), scratch("ranks")])
    for folder in ["padded", "ranks"] {
      try Host.convert(SourceReportTests.plugin + ["--to", "hf", scratch(folder), scratch(folder + "-hf")])
    }
    try FileManager.default.createDirectory(atPath: scratch("small"), withIntermediateDirectories: true)
    var config = try readJSON(Fixtures.dense + "/config.json")
    var text = try #require(config["text_config"] as? [String: Any])
    let rows = try #require(text["vocab_size"] as? Int)
    text["vocab_size"] = rows - 4
    config["text_config"] = text
    try JSONSerialization.data(withJSONObject: config).write(to: URL(filePath: scratch("small/config.json")))
    try Host.convert(
      SourceReportTests.plugin + ["--to", "hf", "--hf-config", scratch("small"), scratch("padded"), scratch("cut")])
  }

  // MARK: The report itself

  @Test(arguments: ["truncated", "not JSON", "a path outside", "a digest of another kind", "schema 3"])
  func aReportThatCanNotBeReadIsAnErrorWithAWayOn(_ fault: String) throws {
    let scratch = try Scratch()
    try Host.convert(SourceReportTests.plugin + ["--to", "megatron", Fixtures.dense, scratch("source")])
    let path = scratch("source/conversion_report.json")
    let text = try String(contentsOfFile: path, encoding: .utf8)
    switch fault {
    case "truncated": try text.prefix(1000).write(toFile: path, atomically: false, encoding: .utf8)
    case "not JSON": try "{".write(toFile: path, atomically: false, encoding: .utf8)
    case "a path outside":
      try Self.seal(text.replacingOccurrences(of: "\"path\": \"iter_0000000/.metadata\"", with: "\"path\": \"../.metadata\""), at: path)
    case "a digest of another kind":
      try Self.seal(text.replacingOccurrences(of: "{\"crc64\":", with: "{\"md5\":"), at: path)
    default: try Self.seal(text.replacingOccurrences(of: "\"schema\": 2", with: "\"schema\": 3"), at: path)
    }
    let command = SourceReportTests.plugin + ["--to", "hf", scratch("source"), scratch("out")]
    try Refusal.expect(command, in: scratch, code: 3, words: [path, "--ignore-report"])
    try Host.convert(["--ignore-report"] + command)
  }

  /// Gives an edited report the digest that it ends with.
  private static func seal(_ text: String, at path: String) throws {
    let end = try #require(text.range(of: ",\n \"crc64\": \"", options: .backwards))
    let bytes = Array(text[..<end.lowerBound].utf8)
    let digits = String(plainCRC64(bytes), radix: 16)
    let seal = ",\n \"crc64\": \"" + String(repeating: "0", count: 16 - digits.count) + digits + "\"\n}\n"
    try Data(bytes + Array(seal.utf8)).write(to: URL(filePath: path))
  }

  // MARK: Schema 1

  @Test(arguments: [["--to", "ranks", "--tp", "2", "--pp", "2"], ["--to", "megatron", "--tp", "2"], mimo])
  func reportsOfSchemaOneAreReadByVerifyAndExport(_ layout: [String]) throws {
    let scratch = try Scratch()
    let old = FrozenHost.convert(layout + [Fixtures.dense, scratch("old")])
    try #require(old.code == 0, "\(old.errors)")
    #expect(try readJSON(scratch("old/conversion_report.json"))["schema"] as? Int == 1)
    let verify = ["verify", "--plugin", "Qwen3VL", scratch("old")]
    let clean = try Host.run(verify)
    #expect(clean.code == 0, "\(clean.output)\(clean.errors)")
    let export = SourceReportTests.plugin + ["--to", "hf", scratch("old"), scratch("out")]
    try Host.convert(export)
    try FileManager.default.removeItem(atPath: scratch("out"))
    let isRanks = layout[1] == "ranks"
    let file = scratch(isRanks ? "old/rank-0000.safetensors" : "old/iter_0000000/__0_0.distcp")
    try flip(file, at: isRanks ? try #require(try Self.place(ofTensor: "language_model.decoder.layers.0.mlp.linear_fc1.weight", in: file)) : 2048)
    #expect(try Host.run(verify).code == 7)
    Refusal.judge(try Host.run(["convert", "-q"] + export), code: 3, words: [file, "tensor ", "--ignore-report"])
  }
}

/// CRC-64/NVME, bit by bit.
func plainCRC64(_ bytes: [UInt8]) -> UInt64 {
  ~bytes.reduce(~UInt64(0)) { crc, byte in
    (0..<8).reduce(crc ^ UInt64(byte)) { word, _ in word >> 1 ^ (word & 1 == 1 ? 0x9A6C_9329_AC4B_C9B5 : 0) }
  }
}
