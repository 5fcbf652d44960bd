import PluginKit

/// Qwen3-VL and Qwen3.5-VL: a language model and a vision tower.
struct Qwen3VL {
  enum Component: UInt32 {
    case language = 0
    case images = 1
  }

  let model: Model
  let architecture: QwenVariant
  let layout: Layout
  let text: QwenText
  let vision: VisionConfig

  init(_ model: Model, layout: Text) throws(Refusal) {
    self.model = model
    self.layout = try Layout(layout, model)
    architecture = try QwenVariant(model)
    try architecture.refuseUnknownSwitches(of: model.config)
    guard model.config.has("text_config") else { throw model.config.refuse("text_config", "is missing") }
    // Vision-language configs say it at the top; text_config inherits a default that is not meant.
    let isTied = try model.config.flag("tie_word_embeddings", default: false)
    text = try QwenText(model.config["text_config"], architecture, isTied: isTied)
    vision = try VisionConfig(model.config["vision_config"], architecture)
  }

  func describe() throws(Refusal) {
    let root = Part(
      model, component: Component.language.rawValue, source: "model.language_model.", stage: .first,
      layout: layout)
    try text.describe(root, hasMTP: layout.hasMTP)
    if !layout.hasMTP, text.mtpLayers > 0 { try dropMTP() }
    try describeVision()
    guard layout == .prime else { return try describeProvider() }
    try architecture.requirePrime(model)
  }

  private func dropMTP() throws(Refusal) {
    let reason = "the MIMO layout has no multi-token prediction layers"
    try model.drop("mtp.*", reason: reason)
    for key in ["num_nextn_predict_layers", "mtp_num_hidden_layers"] where text.config.has(key) {
      try model.configOverride("text_config.\(key)", .int(0), reason: reason)
    }
  }
}

extension QwenVariant {
  init(_ model: Model) throws(Refusal) {
    let name = model.architecture
    if name.matches("Qwen3VLForConditionalGeneration") {
      self.init(isQwen35: false, hasExperts: false, isVision: true)
    } else if name.matches("Qwen3VLMoeForConditionalGeneration") {
      self.init(isQwen35: false, hasExperts: true, isVision: true)
    } else if name.matches("Qwen3_5ForConditionalGeneration") {
      self.init(isQwen35: true, hasExperts: false, isVision: true)
    } else if name.matches("Qwen3_5MoeForConditionalGeneration") {
      self.init(isQwen35: true, hasExperts: true, isVision: true)
    } else {
      throw model.fail("architecture \(name.string) is not one of this family")
    }
  }

  /// Refuses, by name, what would change the set of weights in a way that this family does not describe.
  func refuseUnknownSwitches(of config: Config) throws(Refusal) {
    let text = config["text_config"]
    let vision = config["vision_config"]
    for part in [config, text, vision] {
      try part.requireNone("quantization_config", "quantised checkpoints are not supported; convert a bf16 one")
    }
    try refuseUnknownSwitches(text)
    guard isQwen35 else { return }
    try vision.requireNone("deepstack_visual_indexes", "Qwen3.5 has no deepstack mergers")
  }
}

extension Layout {
  /// Whether it has a place for multi-token prediction layers.
  var hasMTP: Bool { self != .mimo }
}
