import Foundation
import Testing

/// A Hugging Face folder with one thing wrong.
struct BadFolder: CustomTestStringConvertible, Sendable {
  var testDescription: String
  /// What the error line must hold.
  var words: [String]
  var code: Int32 = 3
  var damage: @Sendable (String) throws -> Void

  init(_ description: String, _ words: String..., code: Int32 = 3, damage: @escaping @Sendable (String) throws -> Void) {
    testDescription = description
    self.words = words
    self.code = code
    self.damage = damage
  }

  private static let norm = "model.language_model.layers.0.input_layernorm.weight"
  private static let first = "model-00001-of-00004.safetensors"
  private static let index = "model.safetensors.index.json"

  /// A folder that was written anew with other tensors.
  private static func rewritten(
    _ description: String, _ words: String..., code: Int32 = 3, edit: @escaping @Sendable (inout EditableFolder) throws -> Void
  ) -> BadFolder {
    var result = BadFolder(description) { path in
      var folder = try EditableFolder(path)
      try edit(&folder)
      try folder.write(to: path)
    }
    (result.words, result.code) = (words, code)
    return result
  }

  static let all: [BadFolder] = [
    rewritten("a tensor is missing", norm) { $0.remove(norm) },
    rewritten("a tensor is not expected", "model.language_model.layers.0.extra.weight") {
      $0.files[0].tensors.append(.init(name: "model.language_model.layers.0.extra.weight", dtype: "BF16", shape: [2], bytes: Data(count: 4)))
    },
    rewritten("a tensor stands in two files", norm, first) { folder in
      let double = EditableFolder.Tensor(name: norm, dtype: "BF16", shape: [48], bytes: Data(count: 96))
      folder.files[3].tensors.append(double)
    },
    rewritten("a tensor has another shape", norm, "[48]") { try $0.change(norm) { $0.shape = [6, 8] } },
    rewritten("a tensor holds integers", norm, first, "I32", code: 8) {
      try $0.change(norm) { ($0.dtype, $0.bytes) = ("I32", Data(count: 48 * 4)) }
    },
    BadFolder("a name stands twice in a header", first, "twice") { path in
      try SafeTensorsBytes.editHeader("\(path)/\(first)") { header in
        header.replacing("{\"", with: "{\"lm_head.weight\":{\"dtype\":\"BF16\",\"shape\":[0],\"data_offsets\":[0,0]},\"", maxReplacements: 1)
          .replacing("{\"", with: "{\"lm_head.weight\":{\"dtype\":\"BF16\",\"shape\":[0],\"data_offsets\":[0,0]},\"", maxReplacements: 1)
      }
    },
    BadFolder("a file was cut short", first) { path in
      let handle = try FileHandle(forWritingTo: URL(filePath: "\(path)/\(first)"))
      try handle.truncate(atOffset: try handle.seekToEnd() - 100)
      try handle.close()
    },
    BadFolder("a header was cut short", first) { path in
      let handle = try FileHandle(forWritingTo: URL(filePath: "\(path)/\(first)"))
      try handle.truncate(atOffset: 40)
      try handle.close()
    },
    BadFolder("two tensors overlap", first) { path in
      try shiftOffsets(path) { [$0[0] - 2, $0[1] - 2] }
    },
    BadFolder("bytes belong to no tensor", first) { path in
      try shiftOffsets(path) { [$0[0] + 2, $0[1] + 2] }
    },
    BadFolder("the index names a file that is not there", index, "model-00009") { path in
      try editWeightMap(path) { $0[norm] = "model-00009-of-00004.safetensors" }
    },
    BadFolder("the index names another file", norm, index) { path in
      try editWeightMap(path) { $0[norm] = "model-00004-of-00004.safetensors" }
    },
    BadFolder("the index lacks a tensor", norm, first, "not in the index") { path in try editWeightMap(path) { $0[norm] = nil } },
    BadFolder("the index leads out of the folder", index, "../x") { path in
      try editWeightMap(path) { $0[norm] = "../x.safetensors" }
    },
    BadFolder("the config is no JSON", "config.json") { path in
      try Data("{\"architectures\": [".utf8).write(to: URL(filePath: "\(path)/config.json"))
    },
    BadFolder("the model is of another family", "LlamaForCausalLM", "Qwen3VLForConditionalGeneration") { path in
      try editJSON("\(path)/config.json") { $0["architectures"] = ["LlamaForCausalLM"] }
    },
    BadFolder("the config lacks a size", "config.json", "hidden_size") { path in
      try editJSON("\(path)/config.json") { config in
        var text = config["text_config"] as? [String: Any]
        text?["hidden_size"] = nil
        config["text_config"] = text
      }
    },
    BadFolder("a file is a folder", first) { path in
      try FileManager.default.removeItem(atPath: "\(path)/\(first)")
      try FileManager.default.createDirectory(atPath: "\(path)/\(first)", withIntermediateDirectories: false)
    },
    BadFolder("the weights are not there", "safetensors") { path in
      for name in try FileManager.default.contentsOfDirectory(atPath: path) where name.contains(".safetensors") {
        try FileManager.default.removeItem(atPath: "\(path)/\(name)")
      }
    },
  ]

  private static func editWeightMap(_ path: String, _ edit: (inout [String: Any]) -> Void) throws {
    try editJSON("\(path)/\(index)") { document in
      var map = document["weight_map"] as? [String: Any] ?? [:]
      edit(&map)
      document["weight_map"] = map
    }
  }

  /// Moves the range of the second tensor of the first file.
  private static func shiftOffsets(_ path: String, _ shift: ([Int]) -> [Int]) throws {
    let data = try Data(contentsOf: URL(filePath: "\(path)/\(first)"))
    let length = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    var header = try JSONSerialization.jsonObject(with: data[8..<8 + length]) as? [String: Any] ?? [:]
    let ranges = header.compactMap { name, entry in
      ((entry as? [String: Any])?["data_offsets"] as? [Int]).map { (name, $0) }
    }.sorted { $0.1[0] < $1.1[0] }
    var entry = header[ranges[1].0] as? [String: Any] ?? [:]
    entry["data_offsets"] = shift(ranges[1].1)
    header[ranges[1].0] = entry
    let json = try JSONSerialization.data(withJSONObject: header, options: [.withoutEscapingSlashes])
    try SafeTensorsBytes.editHeader("\(path)/\(first)") { _ in String(decoding: json, as: UTF8.self) }
  }
}

@Suite struct MalformedFolderTests {
  @Test(arguments: BadFolder.all) func isRefused(_ bad: BadFolder) throws {
    let scratch = try Scratch()
    try EditableFolder(Fixtures.dense).write(to: scratch("model"))
    try bad.damage(scratch("model"))
    try Refusal.expect(
      ["--plugin", "Qwen3VL", "--to", "megatron", scratch("model"), scratch("out")], in: scratch, code: bad.code,
      words: bad.words)
  }

  @Test func theSameFolderWithoutDamageIsTaken() throws {
    let scratch = try Scratch()
    try EditableFolder(Fixtures.dense).write(to: scratch("model"))
    try Host.convert(["--plugin", "Qwen3VL", "--to", "megatron", scratch("model"), scratch("out")])
  }
}
