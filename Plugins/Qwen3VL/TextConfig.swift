import PluginKit

/// The language model's sizes, with the defaults of transformers' config classes.
struct TextConfig {
  let hidden: Int
  let layers: Int
  let vocabulary: Int
  let isTied: Bool
  let attention: AttentionShape
  /// Of dense MLPs; 0 where there are none.
  let intermediate: Int
  let experts: ExpertShape?
  /// 0 where there is none.
  let sharedExpert: Int
  let deltaNet: DeltaNetShape?
  /// Layer -> has Gated DeltaNet instead of attention.
  let isLinear: [Bool]
  /// Layer -> has experts instead of a dense MLP.
  let isSparse: [Bool]
  let mtpLayers: Int

  init(_ config: Config, _ architecture: Architecture) throws(Refusal) {
    let text = config["text_config"]
    guard config.has("text_config") else { throw config.refuse("text_config", "is missing") }
    hidden = try text.size("hidden_size")
    layers = try text.size("num_hidden_layers", atMost: Config.largestCount)
    vocabulary = try text.size("vocab_size")
    // Vision-language configs say it at the top; text_config inherits a default that is not meant.
    isTied = try config.flag("tie_word_embeddings", default: false)
    attention = try AttentionShape(text, hidden: hidden, architecture)
    experts = architecture.hasExperts ? try ExpertShape(text, hidden: hidden) : nil
    sharedExpert =
      architecture.isQwen35 && architecture.hasExperts ? try text.size("shared_expert_intermediate_size") : 0
    deltaNet = architecture.isQwen35 ? try DeltaNetShape(text, hidden: hidden) : nil
    isLinear = architecture.isQwen35 ? try text.linearLayers(layers) : Array(repeating: false, count: layers)
    isSparse =
      architecture.hasExperts ? try text.sparseLayers(layers) : Array(repeating: false, count: layers)
    intermediate = isSparse.contains(false) ? try text.size("intermediate_size") : 0
    let mtpKey = text.has("num_nextn_predict_layers") ? "num_nextn_predict_layers" : "mtp_num_hidden_layers"
    mtpLayers = try text.size(mtpKey, default: 0, atLeast: 0, atMost: Config.largestCount)
  }

  /// Whether a distributed checkpoint has one tensor for all layers. Megatron-core stacks layers that are all alike;
  /// the provider of Qwen3.5 asks for a key each.
  var isStacked: Bool {
    deltaNet == nil && (experts == nil || !isSparse.contains(false))
  }
}

extension AttentionShape {
  init(_ text: Config, hidden: Int, _ architecture: Architecture) throws(Refusal) {
    let heads = try text.size("num_attention_heads", atMost: Config.largestCount)
    // Only the dense Qwen3-VL reads null as "as many as heads".
    let mayBeNull = architecture.isDenseQwen3 && text.mentions("num_key_value_heads")
    let groups =
      mayBeNull && !text.has("num_key_value_heads") ? heads : try text.size("num_key_value_heads", atMost: heads)
    guard heads % groups == 0 else {
      throw text.refuse("num_key_value_heads", "is \(groups), which does not divide num_attention_heads \(heads)")
    }
    let headDim = try text.size(
      "head_dim", default: architecture.defaultHeadDim(hidden: hidden, heads: heads), atMost: Config.largestCount)
    self.init(hidden: hidden, heads: heads, groups: groups, headDim: headDim, isGated: architecture.isQwen35)
  }
}

extension Architecture {
  fileprivate var isDenseQwen3: Bool { !isQwen35 && !hasExperts }

  /// Source: the config classes of transformers 5.12.
  fileprivate func defaultHeadDim(hidden: Int, heads: Int) -> Int {
    if isQwen35 { return 256 }
    return hasExperts ? hidden / heads : 128
  }
}

extension ExpertShape {
  init(_ text: Config, hidden: Int) throws(Refusal) {
    self.init(
      count: try text.size(ExpertShape.countKey(text), atMost: Config.largestCount), hidden: hidden,
      intermediate: try text.size("moe_intermediate_size"))
  }

  /// transformers 5 writes num_local_experts for Qwen3-VL-MoE, and reads it first; published configs say num_experts.
  static func countKey(_ text: Config) -> String {
    text.has("num_local_experts") ? "num_local_experts" : "num_experts"
  }
}

extension DeltaNetShape {
  init(_ text: Config, hidden: Int) throws(Refusal) {
    let most = Config.largestCount
    let keyHeads = try text.size("linear_num_key_heads", default: 16, atMost: most)
    let valueHeads = try text.size("linear_num_value_heads", default: 32, atMost: most)
    guard valueHeads % keyHeads == 0 else {
      throw text.refuse(
        "linear_num_key_heads", "is \(keyHeads), which does not divide linear_num_value_heads \(valueHeads)")
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

  /// Layer -> has experts. Source: transformers, `Qwen3VLMoeTextDecoderLayer`.
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
