import MimoCheckpoints
import MimoJSON
import MimoSystem

/// What config.json says of one component.
///
/// Hugging Face configs have a section an encoder (`vision_config`) and one for the language model (`text_config`); where
/// there is no such section the language model's keys are those of the top level.
struct ComponentConfig {
  private let config: ModelConfig
  private let values: [String: JSONValue]

  /// Keys that say who wrote the config, not what the component is.
  private static let aside: Set<String> = ["dtype", "torch_dtype", "transformers_version", "_name_or_path", "model_type"]
  private static let textSection = "text_config"
  /// Sections that belong to no component.
  private static let others: Set<String> = ["quantization_config", "generation_config"]

  init(_ config: ModelConfig, _ part: ModelPart) {
    self.config = config
    var values: [String: JSONValue] = [:]
    for (key, value) in (config.json.object ?? JSONObject()).members {
      let isSection = key.hasSuffix("_config") && value.object != nil
      if part.isEncoder, isSection, key != ComponentConfig.textSection, !ComponentConfig.others.contains(key) {
        ComponentConfig.collect(value, key, &values)
      } else if !part.isEncoder, key == ComponentConfig.textSection {
        ComponentConfig.collect(value, key, &values)
      } else if !part.isEncoder, !isSection, config.json[ComponentConfig.textSection] == nil {
        ComponentConfig.collect(value, key, &values)
      }
    }
    self.values = values
  }

  private static func collect(_ value: JSONValue, _ path: String, _ values: inout [String: JSONValue]) {
    if aside.contains(path.split(separator: ".").last.map(String.init) ?? path) { return }
    guard let object = value.object else {
      values[path] = value
      return
    }
    for (key, member) in object.members { collect(member, "\(path).\(key)", &values) }
  }

  /// Throws for the first key that differs in another config.
  func check(_ other: ComponentConfig) throws(MimoError) {
    for key in Set(values.keys).union(other.values.keys).sorted()
    where !ComponentConfig.isSame(values[key], other.values[key]) {
      throw MimoError(
        .invalidInput,
        "\(key) is \(ComponentConfig.text(other.values[key])), but \(ComponentConfig.text(values[key])) in \(config.path)",
        path: other.config.path, remedy: "Such a component does not fit this model")
    }
  }

  /// Libraries write the same number as `0` and as `0.0`.
  private static func isSame(_ a: JSONValue?, _ b: JSONValue?) -> Bool {
    if let a = a?.double, let b = b?.double { return a == b }
    return a == b
  }

  private static func text(_ value: JSONValue?) -> String {
    value.map { String(decoding: JSONWriter.write($0, .oneLine), as: UTF8.self) } ?? "not there"
  }
}
