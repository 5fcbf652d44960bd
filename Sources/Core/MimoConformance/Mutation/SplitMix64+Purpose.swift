import MimoSystem

extension SplitMix64 {
  /// Numbers that follow from a seed and a purpose alone.
  init(_ seed: UInt64, _ purpose: String) {
    self.init(state: seed)
    for byte in purpose.utf8 {
      state ^= UInt64(byte)
      _ = next()
    }
  }
}
