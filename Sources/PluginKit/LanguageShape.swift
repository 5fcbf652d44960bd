/// The sizes that every language model has.
package struct LanguageShape {
  package var layers: Int
  package var hidden: Int
  package var vocabulary: Int
  /// Whether the output layer is the embedding.
  package var isTied: Bool

  /// Reads the common keys; `isTied` is the caller's, because families keep it in different places.
  ///
  /// `listed`: how many layers the config lists one by one; then it need not give their number.
  package init(_ config: Config, isTied: Bool, layers listed: Int? = nil) throws(Refusal) {
    let isGiven = listed == nil || config.has("num_hidden_layers")
    layers = isGiven ? try config.size("num_hidden_layers", atMost: Config.largestCount) : listed ?? 0
    guard layers == listed ?? layers else {
      throw config.refuse("num_hidden_layers", "is \(layers), but there is a list of \(listed ?? 0) layers")
    }
    hidden = try config.size("hidden_size")
    vocabulary = try config.size("vocab_size")
    self.isTied = isTied
  }
}

extension Config {
  /// Refuses MLPs with another activation than silu, which is what all families here are trained with.
  package func requireSilu() throws(Refusal) {
    guard let activation = try text("hidden_act"), !activation.matches("silu") else { return }
    throw refuse("hidden_act", "is \(activation.string): this family's MLPs are gated by silu")
  }

  /// Head counts: query heads, and key/value heads that divide them.
  package func heads(groupsMayBeMissing: Bool = false) throws(Refusal) -> (heads: Int, groups: Int) {
    let heads = try size("num_attention_heads", atMost: Config.largestCount)
    let isMissing = groupsMayBeMissing && !has("num_key_value_heads")
    let groups = isMissing ? heads : try size("num_key_value_heads", atMost: heads)
    guard heads % groups == 0 else {
      throw refuse("num_key_value_heads", "is \(groups), which does not divide num_attention_heads \(heads)")
    }
    return (heads, groups)
  }
}
