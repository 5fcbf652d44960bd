import PluginKit

/// What a layer does, with the letter that patterns have for it.
enum LayerKind: UInt8 {
  case mamba = 0x4D
  case attention = 0x2A
  case mlp = 0x2D
  case experts = 0x45

  /// The words of transformers 5, which renamed two in 5.13.
  init?(word: Text) {
    if word.matches("mamba") || word.matches("linear_attention") {
      self = .mamba
    } else if word.matches("attention") || word.matches("full_attention") {
      self = .attention
    } else if word.matches("mlp") {
      self = .mlp
    } else if word.matches("moe") {
      self = .experts
    } else {
      return nil
    }
  }
}

extension Array<LayerKind> {
  /// `M-M*E`
  var pattern: String { String(decoding: map { $0.rawValue }, as: UTF8.self) }
}

extension Config {
  /// The layers in order: letters in published configs, words in those that transformers 5 writes.
  func layerKinds(_ pattern: String, _ list: String) throws(Refusal) -> [LayerKind] {
    let lettered = try layerKinds(letters: pattern)
    let listed = try layerKinds(words: list)
    guard !listed.isEmpty || !lettered.isEmpty else { throw refuse(pattern, "is missing") }
    guard !listed.isEmpty, !lettered.isEmpty else { return listed + lettered }
    guard listed == lettered else { throw refuse(list, "and \(pattern) name different layers") }
    return listed
  }

  private func layerKinds(letters key: String) throws(Refusal) -> [LayerKind] {
    var kinds: [LayerKind] = []
    guard let letters = try text(key) else { return kinds }
    for letter in letters.string.utf8 {
      guard let kind = LayerKind(rawValue: letter) else { throw refuse(key, "has other letters than M, *, - and E") }
      kinds.append(kind)
    }
    return kinds
  }

  private func layerKinds(words key: String) throws(Refusal) -> [LayerKind] {
    var kinds: [LayerKind] = []
    for index in 0..<(try count(key)) {
      guard let word = try text("\(key).\(index)"), let kind = LayerKind(word: word) else {
        throw refuse("\(key).\(index)", "is not one of mamba (linear_attention), attention (full_attention), mlp and moe")
      }
      kinds.append(kind)
    }
    return kinds
  }
}
