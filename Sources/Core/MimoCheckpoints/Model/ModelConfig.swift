import MimoJSON
import MimoMapping
import MimoPluginHost
import MimoSystem
import MimoTensor

/// A model's config.json, as plugins and the host ask it.
package struct ModelConfig: Sendable {
  package let json: JSONValue
  package let path: String

  package init(_ json: JSONValue, path: String) {
    self.json = json
    self.path = path
  }

  package init(path: String) throws(MimoError) {
    json = try JSONParser.parse(file: path, options: .nonFiniteNumbers)
    self.path = path
    guard json.object != nil else {
      throw MimoError(.invalidInput, "config is \(json.kind), not an object", path: path)
    }
  }

  /// The dtype of the model's parameters: `dtype`, formerly `torch_dtype`, of the config's text part, else of its top
  /// level.
  ///
  /// - Parameter asked: what the user said with --dtype.
  package func dtype(asked: DType?) throws(MimoError) -> DType {
    if let asked { return asked }
    for key in ["text_config.dtype", "text_config.torch_dtype", "dtype", "torch_dtype"] {
      guard let name = json[key]?.string else { continue }
      guard let dtype = ModelConfig.dtypes[name] else {
        throw MimoError(
          .unsupported, "\(key) is \(name)", path: path,
          remedy: "Say --dtype and one of \(ModelConfig.dtypes.keys.sorted().joined(separator: ", "))")
      }
      return dtype
    }
    throw MimoError(.invalidInput, "has neither dtype nor torch_dtype", path: path, remedy: "Say --dtype bfloat16")
  }

  package static let dtypes: [String: DType] = ["bfloat16": .bf16, "float16": .f16, "float32": .f32]

  /// The config as a plugin is shown it.
  ///
  /// - Parameter sources: tensors of the checkpoint; nil when none is at hand.
  package func input(sources: [String: GlobalShape]?, options: [String: String]) -> ModelInput {
    ModelInput(config: json, sources: sources, options: options)
  }

  /// The config with what a layout lost said in it.
  package func applying(_ overrides: [ConfigOverride]) -> JSONValue {
    var result = json
    for override in overrides where result[override.path] != nil {
      let value = override.value == .remove ? nil : literal(override.value)
      result = ModelConfig.replace(result, override.path.split(separator: ".")[...], with: value)
    }
    return result
  }

  /// - Parameter value: nil takes the member out.
  private static func replace(_ json: JSONValue, _ path: ArraySlice<Substring>, with value: JSONValue?) -> JSONValue {
    guard let key = path.first.map(String.init), case .object(var object) = json, let member = object[key] else {
      return json
    }
    let rest = path.dropFirst()
    if !rest.isEmpty {
      object[key] = replace(member, rest, with: value)
    } else if let value {
      object[key] = value
    } else {
      object.remove(key)
    }
    return .object(object)
  }

  /// What the config says of the dtype of weights, when they are written in another.
  package func saying(_ dtype: DType?) -> [ConfigOverride] {
    guard let dtype, let name = ModelConfig.dtypes.first(where: { $0.value == dtype })?.key else { return [] }
    let sections = [""] + (json.object?.members.map(\.0) ?? []).filter { $0.hasSuffix("_config") }.map { $0 + "." }
    return sections.flatMap { section in ["dtype", "torch_dtype"].map { section + $0 } }.filter { path in
      guard let said = json[path]?.string, let known = ModelConfig.dtypes[said] else { return false }
      return known != dtype
    }.map { ConfigOverride(path: $0, value: .string(name), reason: "--dtype") }
  }

  /// A plugin's value as JSON.
  package func literal(_ field: ConfigField) -> JSONValue {
    switch field {
    case .null, .remove: .null
    case .bool(let value): .bool(value)
    case .int(let value): .integer(value)
    case .float(let value): .double(value)
    case .string(let value): .string(value)
    case .ints(let values): .array(values.map { .integer($0) })
    case .config(let path): json[path] ?? .null
    case .target(let name): .object(["_target_": .string(name)])
    case .name(let name): .object(["_target_": .string(name), "_call_": .bool(false)])
    }
  }
}
