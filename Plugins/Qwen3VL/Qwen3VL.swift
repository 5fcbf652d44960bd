import PluginKit

/// Qwen3-VL and Qwen3.5-VL: a language model and a vision tower.
struct Qwen3VL {
  enum Component: UInt32 {
    case language = 0
    case images = 1
  }

  let model: Model
  let architecture: Architecture
  let layout: Layout
  let text: TextConfig
  let vision: VisionConfig

  init(_ model: Model, layout: Text) throws(Refusal) {
    self.model = model
    self.layout = try Layout(layout, model)
    architecture = try Architecture(model)
    try architecture.refuseUnknownSwitches(model.config)
    text = try TextConfig(model.config, architecture)
    vision = try VisionConfig(model.config["vision_config"], architecture)
  }

  func describe() throws(Refusal) {
    try describeLanguage()
    try describeVision()
    try describeProvider()
  }
}

/// The four architectures, by their two differences.
struct Architecture {
  /// Qwen3.5: gated attention, Gated DeltaNet layers, multi-token prediction, no deepstack.
  let isQwen35: Bool
  let hasExperts: Bool

  init(_ model: Model) throws(Refusal) {
    let name = model.architecture
    if name.matches("Qwen3VLForConditionalGeneration") {
      (isQwen35, hasExperts) = (false, false)
    } else if name.matches("Qwen3VLMoeForConditionalGeneration") {
      (isQwen35, hasExperts) = (false, true)
    } else if name.matches("Qwen3_5ForConditionalGeneration") {
      (isQwen35, hasExperts) = (true, false)
    } else if name.matches("Qwen3_5MoeForConditionalGeneration") {
      (isQwen35, hasExperts) = (true, true)
    } else {
      throw model.fail("architecture \(name.string) is not one of this family")
    }
  }
}

enum Layout: UInt8 {
  /// One module tree for each component; no multi-token prediction.
  case mimo
  /// Megatron's single-model names.
  case megatron

  init(_ name: Text, _ model: Model) throws(Refusal) {
    if name.matches("mimo") {
      self = .mimo
    } else if name.matches("megatron") {
      self = .megatron
    } else {
      throw model.fail("layout \(name.string) is not one of mimo, megatron")
    }
  }
}
