import PluginKit

/// Qwen3 and Qwen3.5 language models, dense and with experts.
///
/// Packed experts, as transformers 5 saves them, are read and written; Megatron-Bridge 0.6.2 leaves those of Qwen3
/// unwritten after a warning. So are dense layers between sparse ones, which it takes for sparse.
struct Qwen3MoE {
  let model: Model
  let variant: QwenVariant
  let text: QwenText

  init(_ model: Model) throws(Refusal) {
    self.model = model
    variant = try QwenVariant(model)
    let config = model.config
    try variant.refuseUnknownSwitches(config)
    text = try QwenText(config, variant, isTied: try config.flag("tie_word_embeddings", default: false))
  }

  func describe(in layout: Layout) throws(Refusal) {
    try text.describe(Part(model, source: "model.", layout: layout), hasMTP: true)
    guard layout == .prime else { return try describeProvider() }
    try variant.requirePrime(model)
  }

  private func describeProvider() throws(Refusal) {
    try model.provider("megatron.bridge.models.gpt_provider.GPTModelProvider")
    let provider = Provider(model.config)
    // Qwen3.5's bridge keeps plain rotary embedding whatever the config scales.
    let hasYarn = variant.isQwen35 ? false : try provider.yarn()
    try text.describe(provider, positionEmbedding: hasYarn ? "yarn" : "rope", positions: 32768, hasMTP: true)
    try provider.rotaryBase(default: 10_000)
    if variant.isQwen35 { try provider.attentionVariantSpec() }
    if text.experts != nil, !variant.isQwen35 { try describeRouter(provider) }
    try provider.dtype()
  }

  private func describeRouter(_ provider: Provider) throws(Refusal) {
    let normalises = try model.config.flag("norm_topk_prob", default: false)
    try provider.set("moe_router_pre_softmax", .bool(!normalises))
    if text.isMixed { try provider.mixedLayers(text.isSparse) }
  }
}

extension QwenVariant {
  init(_ model: Model) throws(Refusal) {
    let name = model.architecture
    if name.matches("Qwen3ForCausalLM") {
      self.init(isQwen35: false, hasExperts: false, isVision: false)
    } else if name.matches("Qwen3MoeForCausalLM") {
      self.init(isQwen35: false, hasExperts: true, isVision: false)
    } else if name.matches("Qwen3_5ForCausalLM") {
      self.init(isQwen35: true, hasExperts: false, isVision: false)
    } else if name.matches("Qwen3_5MoeForCausalLM") {
      self.init(isQwen35: true, hasExperts: true, isVision: false)
    } else {
      throw model.fail("architecture \(name.string) is not one of this family")
    }
  }
}
