import PluginKit

extension Laguna {
  /// What closes the attention's output.
  enum Gate: UInt8 {
    case none, perHead, perElement

    /// Per head where the config does not say, as transformers 5.12 has it.
    init(_ config: Config) throws(Refusal) {
      guard config.isText("gating") else {
        self = config.has("gating") ? (try config.flag("gating", default: true) ? .perElement : .none) : .perHead
        return
      }
      let kind = try config.text("gating")
      if kind?.matches("per-head") == true {
        self = .perHead
      } else if kind?.matches("per-element") == true {
        self = .perElement
      } else {
        throw config.refuse("gating", "is none of true, false, per-head and per-element")
      }
    }

    func rows(of shape: AttentionShape) -> Int {
      switch self {
      case .none: 0
      case .perHead: shape.heads
      case .perElement: shape.heads * shape.headDim
      }
    }
  }
}

extension Config {
  /// Each layer's own number of query heads, or the same for all.
  func attentionOfLayers(_ shape: LanguageShape) throws(Refusal) -> [AttentionShape] {
    let most = Config.largestCount
    let groups = try size("num_key_value_heads", default: 8, atMost: most)
    let headDim = try size("head_dim", default: 128, atMost: most)
    let key = "num_attention_heads_per_layer"
    var heads = try integers(key)
    if heads.isEmpty { heads = Array(repeating: try size("num_attention_heads", atMost: most), count: shape.layers) }
    guard heads.count == shape.layers else { throw refuse(key, "has \(heads.count) entries for \(shape.layers) layers") }
    var layers: [AttentionShape] = []
    for (layer, count) in heads.enumerated() {
      guard count > 0, count <= most, count % groups == 0 else {
        throw refuse("\(key).\(layer)", "is \(count), which num_key_value_heads \(groups) does not divide")
      }
      layers.append(AttentionShape(hidden: shape.hidden, heads: count, groups: groups, headDim: headDim))
    }
    return layers
  }

  /// Layer -> has experts: by `mlp_layer_types`, else all but the first. Older keys must not say otherwise.
  func sparseLayers(_ layers: Int) throws(Refusal) -> [Bool] {
    var isSparse = (0..<layers).map { $0 > 0 }
    if try count("mlp_layer_types") > 0 {
      guard try count("mlp_layer_types") == layers else {
        throw refuse("mlp_layer_types", "has \(try count("mlp_layer_types")) entries for \(layers) layers")
      }
      for layer in 0..<layers {
        let key = "mlp_layer_types.\(layer)"
        guard let type = try text(key), type.matches("dense") || type.matches("sparse") else {
          throw refuse(key, "is neither dense nor sparse")
        }
        isSparse[layer] = type.matches("sparse")
      }
    }
    _ = try size("decoder_sparse_step", default: 1, atMost: 1)
    guard has("mlp_only_layers") else { return isSparse }
    let dense = try integers("mlp_only_layers")
    for layer in 0..<layers where dense.contains(layer) == isSparse[layer] {
      throw refuse("mlp_only_layers", "and mlp_layer_types do not agree on layer \(layer)")
    }
    return isSparse
  }
}
