import Foundation
import MimoJSON
import MimoPluginHost
import MimoSystem
import MimoTensor

/// Places that the tests need.
enum Places {
  static let tests = URL(filePath: #filePath).deletingLastPathComponent()
  static let package = tests.deletingLastPathComponent().deletingLastPathComponent()
  static let golden = package.deletingLastPathComponent().appending(path: "shared/golden")
  static let header = package.appending(path: "Sources/PluginABI/include")

  static var hasGolden: Bool { FileManager.default.fileExists(atPath: golden.path) }

  /// Where the build put the test runner, and the plugins beside it.
  static var products: URL {
    URL(filePath: (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "")
      .deletingLastPathComponent()
  }

  /// One library of a family, as the build made it.
  static func plugin(_ family: String) -> String { products.appending(path: "lib\(family).so").path }

  static var qwen3VL: String { plugin("Qwen3VL") }
}

/// Names and shapes of one tiny reference checkpoint; see Fixtures/generate.py.
struct Fixture {
  let name: String
  let json: JSONValue

  init(_ name: String) throws {
    self.name = name
    let path = Places.tests.appending(path: "Fixtures/\(name).json").path
    json = try JSONParser.parse(try FileSystem.readSmallFile(path))
  }

  /// Reference checkpoints by the family that serves them.
  static let families = [
    "Qwen3VL": [
      "qwen3_vl", "qwen3_vl_tied", "qwen3_vl_moe", "qwen3_vl_moe_t", "qwen3_5_vl", "qwen3_5_vl_tied", "qwen3_5_vl_moe",
      "qwen3_5_vl_moe_fused", "qwen3_5_vl_moe_fused_mtp",
    ],
    "Qwen3MoE": ["qwen3", "qwen3_tied", "qwen3_moe", "qwen3_moe_fused", "qwen3_5_moe"],
    "GLM4MoE": ["glm4_moe", "glm_moe_dsa"],
    "MiniMaxM2": ["minimax_m2"],
    "DeepSeekV3": ["deepseek_v3"],
    "NemotronH": ["nemotron_h", "nemotron_h_moe", "nemotron_h_moe_mtp"],
    "GPTOSS": ["gpt_oss"],
  ]

  static let all = families.keys.sorted().flatMap { families[$0] ?? [] }

  var family: String { Self.families.first { $0.value.contains(name) }?.key ?? "" }

  var config: JSONValue { json.object?["config"] ?? .null }

  /// Tensors of the Hugging Face checkpoint.
  var sources: [String: GlobalShape] {
    (json["hf"]?.object?.members).map { members in
      Dictionary(uniqueKeysWithValues: members.map { ($0.0, shape($0.1.array?[1])) })
    } ?? [:]
  }

  /// Those that are stored in another dtype than the model's.
  var f32Sources: Set<String> {
    Set((json["hf"]?.object?.members).map { $0.filter { $0.1.array?[0].string == "F32" }.map(\.0) } ?? [])
  }

  func shapes(_ path: String...) -> [String: GlobalShape]? {
    var value: JSONValue? = json
    for key in path { value = value?.object?[key] }
    return (value?.object?.members).map { members in
      Dictionary(uniqueKeysWithValues: members.map { ($0.0, shape($0.1)) })
    }
  }

  var input: ModelInput { ModelInput(config: config, sources: sources) }

  private func shape(_ value: JSONValue?) -> GlobalShape {
    GlobalShape(DimVector(exactly: value?.array?.compactMap(\.integer) ?? []) ?? [])
  }
}

extension JSONValue {
  /// The same document with one value set or, for nil, taken away; objects on the way are made.
  func with(_ path: String, _ value: JSONValue?) -> JSONValue {
    var object = self.object ?? JSONObject()
    let parts = path.split(separator: ".", maxSplits: 1).map(String.init)
    if parts.count == 2 {
      object[parts[0]] = (object[parts[0]] ?? .null).with(parts[1], value)
    } else if let value {
      object[path] = value
    } else {
      object.remove(path)
    }
    return .object(object)
  }
}
