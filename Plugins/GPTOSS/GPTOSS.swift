import PluginKit

/// gpt-oss: attention with a learned offset in its softmax, experts with biases and interleaved gates.
struct GPTOSS {
  let model: Model
  let language: LanguageShape
  let attention: AttentionShape
  let experts: ExpertShape

  init(_ model: Model) throws(Refusal) {
    self.model = model
    let config = model.config
    try config.requireSilu()
    if let method = try config["quantization_config"].text("quant_method"), !method.matches("mxfp4") {
      throw config.refuse("quantization_config.quant_method", "is \(method.string), must be mxfp4")
    }
    try config.require("attention_bias", true, "Megatron-Bridge builds this family with biases everywhere")
    language = try LanguageShape(config, isTied: try config.flag("tie_word_embeddings", default: false))
    guard !language.isTied else { throw config.refuse("tie_word_embeddings", "is true: Megatron-Bridge unties them") }
    let (heads, groups) = try config.heads(groupsMayBeMissing: config.mentions("num_key_value_heads"))
    let headDim = try config.size("head_dim", default: 64, atMost: Config.largestCount)
    attention = AttentionShape(hidden: language.hidden, heads: heads, groups: groups, headDim: headDim)
    let countKey = config.has("num_local_experts") ? "num_local_experts" : "num_experts"
    experts = ExpertShape(
      count: try config.size(countKey, atMost: Config.largestCount), hidden: language.hidden,
      intermediate: try config.size("intermediate_size"))
  }

  /// Layout prime has this model's tensors as the checkpoint does.
  func describe(in layout: Layout) throws(Refusal) {
    let root = Part(model, source: "model.", layout: layout)
    let vocabulary = Vocabulary(
      rows: language.vocabulary, hidden: language.hidden, isTied: false, embedding: "model.embed_tokens.weight")
    try root.vocabulary(vocabulary, repeatsEmbedding: false)
    for index in 0..<language.layers {
      try describeLayer(
        root.entry("decoder.layers", from: "layers", index, of: language.layers, stacked: true, stage: .layer(index)))
    }
    try root.on(.last).norm("decoder.final_layernorm", from: "norm", size: language.hidden)
    if layout != .prime { try describeProvider() }
  }

  private func describeLayer(_ layer: Part) throws(Refusal) {
    try layer.fusedNorm(in: "self_attention.linear_qkv", from: "input_layernorm", size: language.hidden)
    let attention = layer.part("self_attention", from: "self_attn")
    try attention.qkv(self.attention, bias: true)
    try attention.attentionOutput(self.attention, bias: true)
    let sinks = try attention.read("sinks", [self.attention.heads])
    let perHead = Placement.split(0, [Segment(self.attention.heads, of: "attention head")])
    try attention.target("core_attention.softmax_offset", sinks, perHead)
    try attention.extraState("core_attention")
    try layer.norm("pre_mlp_layernorm", from: "post_attention_layernorm", size: language.hidden)
    let mlp = layer.part("mlp", from: "mlp")
    try mlp.replicated("router.weight", from: "router.weight", [experts.count, language.hidden])
    try mlp.replicated("router.bias", from: "router.bias", [experts.count])
    try mlp.interleavedExperts(experts)
  }
}
