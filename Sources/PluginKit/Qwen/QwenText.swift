/// A Qwen language model's sizes, with the defaults of transformers' config classes.
package struct QwenText {
  /// The object of config.json that holds its keys.
  package let config: Config
  package let variant: QwenVariant
  package let shape: LanguageShape
  package let attention: AttentionShape
  /// Of dense MLPs; 0 where there are none.
  let intermediate: Int
  package let experts: ExpertShape?
  /// 0 where there is none.
  package let sharedExpert: Int
  package let deltaNet: DeltaNetShape?
  /// Layer -> has Gated DeltaNet instead of attention.
  package let isLinear: [Bool]
  /// Layer -> has experts instead of a dense MLP.
  package let isSparse: [Bool]
  package let mtpLayers: Int

  package init(_ config: Config, _ variant: QwenVariant, isTied: Bool) throws(Refusal) {
    self.config = config
    self.variant = variant
    shape = try LanguageShape(config, isTied: isTied)
    let (hidden, layers) = (shape.hidden, shape.layers)
    attention = try AttentionShape(config, hidden: hidden, variant)
    experts = variant.hasExperts ? try ExpertShape(config, hidden: hidden) : nil
    let hasShared = variant.isQwen35 && variant.hasExperts
    sharedExpert = hasShared ? try config.size("shared_expert_intermediate_size") : 0
    deltaNet = variant.isQwen35 ? try DeltaNetShape(config, hidden: hidden) : nil
    isLinear = variant.isQwen35 ? try config.linearLayers(layers) : Array(repeating: false, count: layers)
    isSparse = variant.hasExperts ? try config.sparseLayers(layers) : Array(repeating: false, count: layers)
    intermediate = isSparse.contains(false) ? try config.size("intermediate_size") : 0
    mtpLayers = try config.size(
      config.has("num_nextn_predict_layers") ? "num_nextn_predict_layers" : "mtp_num_hidden_layers", default: 0,
      atLeast: 0, atMost: Config.largestCount)
  }

  /// Has layers of both kinds of MLP.
  package var isMixed: Bool { experts != nil && isSparse.contains(false) }

  /// Whether a distributed checkpoint has one tensor for all layers. Megatron-core stacks layers that are all alike;
  /// the provider of Qwen3.5 asks for a key each.
  var isStacked: Bool { deltaNet == nil && !isMixed }
}

extension AttentionShape {
  fileprivate init(_ text: Config, hidden: Int, _ variant: QwenVariant) throws(Refusal) {
    // Only the dense Qwen3 reads null as "as many as heads".
    let mayBeNull = !variant.isQwen35 && !variant.hasExperts && text.mentions("num_key_value_heads")
    let (heads, groups) = try text.heads(groupsMayBeMissing: mayBeNull)
    let headDim = try text.size(
      "head_dim", default: variant.defaultHeadDim(hidden: hidden, heads: heads), atMost: Config.largestCount)
    self.init(hidden: hidden, heads: heads, groups: groups, headDim: headDim, isGated: variant.isQwen35)
  }
}

extension ExpertShape {
  fileprivate init(_ text: Config, hidden: Int) throws(Refusal) {
    self.init(
      count: try text.size(ExpertShape.countKey(text), atMost: Config.largestCount), hidden: hidden,
      intermediate: try text.size("moe_intermediate_size"))
  }

  /// transformers 5 writes num_local_experts for some, and reads it first; published configs say num_experts.
  private static func countKey(_ text: Config) -> String {
    text.has("num_local_experts") ? "num_local_experts" : "num_experts"
  }
}

extension DeltaNetShape {
  fileprivate init(_ text: Config, hidden: Int) throws(Refusal) {
    let most = Config.largestCount
    let keyHeads = try text.size("linear_num_key_heads", default: 16, atMost: most)
    let valueHeads = try text.size("linear_num_value_heads", default: 32, atMost: most)
    guard valueHeads % keyHeads == 0 else {
      throw text.refuse("linear_num_key_heads", "is \(keyHeads), which does not divide linear_num_value_heads \(valueHeads)")
    }
    self.init(
      hidden: hidden, keyHeads: keyHeads, valueHeads: valueHeads,
      keyHeadDim: try text.size("linear_key_head_dim", default: 128, atMost: most),
      valueHeadDim: try text.size("linear_value_head_dim", default: 128, atMost: most),
      kernel: try text.size("linear_conv_kernel_dim", default: 4, atMost: most))
  }
}

extension Config {
  /// Layer -> is linear attention: by `layer_types`, or every layer but each `full_attention_interval`-th.
  fileprivate func linearLayers(_ layers: Int) throws(Refusal) -> [Bool] {
    guard try count("layer_types") > 0 else {
      let interval = try size("full_attention_interval", default: 4)
      return (0..<layers).map { ($0 + 1) % interval != 0 }
    }
    guard try count("layer_types") == layers else {
      throw refuse("layer_types", "has \(try count("layer_types")) entries for \(layers) layers")
    }
    var isLinear: [Bool] = []
    for layer in 0..<layers {
      let type = try text("layer_types.\(layer)")
      if type?.matches("linear_attention") == true {
        isLinear.append(true)
      } else if type?.matches("full_attention") == true {
        isLinear.append(false)
      } else {
        throw refuse("layer_types.\(layer)", "is neither linear_attention nor full_attention")
      }
    }
    return isLinear
  }

  /// Layer -> has experts. Source: transformers, `Qwen3MoeDecoderLayer`.
  fileprivate func sparseLayers(_ layers: Int) throws(Refusal) -> [Bool] {
    let step = try size("decoder_sparse_step", default: 1)
    var isSparse = (0..<layers).map { ($0 + 1) % step == 0 }
    for layer in try integers("mlp_only_layers") {
      guard layer >= 0, layer < layers else {
        throw refuse("mlp_only_layers", "names layer \(layer) of \(layers)")
      }
      isSparse[layer] = false
    }
    return isSparse
  }
}
