import MimoSystem

/// How many rows a vocabulary has in a layout.
///
/// Source: Megatron-Bridge, `make_vocab_size_divisible_by` and `calculate_padded_vocab_size` (`should_pad_vocab`).
package enum VocabularyPadding {
  /// The largest power of two up to 128 that divides the vocabulary.
  package static func divisor(of vocabulary: Int) -> Int {
    min(128, vocabulary & (0 &- vocabulary))
  }

  /// The vocabulary with `--pad-vocab`: a multiple of `divisor` x tp. Most families have the divisor of `divisor(of:)`.
  package static func padded(_ vocabulary: Int, tp: Int, divisor: Int? = nil) throws(MimoError) -> Int {
    let (multiple, tooLarge) = (divisor ?? self.divisor(of: vocabulary)).multipliedReportingOverflow(by: tp)
    let (ceiling, overflow) = vocabulary.addingReportingOverflow(multiple &- 1)
    guard vocabulary >= 1, tp >= 1, multiple >= 1, !tooLarge, !overflow else {
      throw MimoError(.invalidInput, "a vocabulary of \(vocabulary) tokens can not be padded for tp=\(tp)")
    }
    return ceiling / multiple * multiple
  }

  /// The rows of a vocabulary; without `pad`, tp must divide it.
  package static func rows(
    _ vocabulary: Int, tp: Int, divisor: Int? = nil, pad: Bool, tensor: String
  ) throws(MimoError) -> Int {
    let padded = try padded(vocabulary, tp: tp, divisor: divisor)
    guard !pad else { return padded }
    guard vocabulary % tp == 0 else {
      throw MimoError(
        .layout, "tp=\(tp) does not divide the vocabulary of \(vocabulary) tokens of \(tensor)",
        remedy: "Use --pad-vocab (\(padded) rows, the last \(padded - vocabulary) zero), or a tp that divides it")
    }
    return vocabulary
  }
}
