import MimoSystem
import MimoTransfer

/// What OUT lacks of the source's weights, or has otherwise, in a line each, with what would keep it.
package struct WeightConcerns: Sendable {
  package struct Concern: Sendable {
    package let text: String
    /// What keeps the weights; nil where nothing does.
    package let remedy: String?

    /// In one line.
    package var description: String { remedy.map { "\(text). \($0)" } ?? text }
  }

  package let all: [Concern]

  /// What is known before a byte moves.
  package init(notes: [Note], omissions: [Omission]) {
    all = WeightConcerns.omitted(omissions)
      + notes.filter { $0.kind == .weights }.map { Concern(text: $0.text, remedy: nil) }
  }

  /// What a conversion showed.
  package init(_ report: ConversionReport) {
    all = WeightConcerns.lost(report.losses) + WeightConcerns(notes: report.notes, omissions: report.omissions).all
  }

  /// Throws when there is any: what --strict asks for.
  package func refuse(path: String) throws(MimoError) {
    guard let first = all.first else { return }
    let more = all.count > 1 ? " (and \(counted(all.count - 1, "more concern")))" : ""
    throw MimoError(
      .invalidInput, "--strict: \(first.text)\(more)", path: path,
      remedy: first.remedy ?? "Leave --strict out if this is as it should be")
  }

  /// A line a cause: those of a model's norms are the same for each layer.
  private static func lost(_ losses: [ConversionReport.Loss]) -> [Concern] {
    let causes = Dictionary(grouping: losses, by: \.cause)
    return causes.values.sorted { $0[0].tensor < $1[0].tensor }.map { losses in
      let first = losses[0]
      let elements = losses.reduce(0) { $0 + $1.elements }
      let others = losses.count > 1 ? " and \(counted(losses.count - 1, "more tensor"))" : ""
      let step = first.cause.kernel.map { "\($0) in \(first.cause.dtype)" } ?? first.cause.dtype
      // F32 holds 24 binary places, which a sum with one begins at the first.
      let exception = first.cause.kernel == nil ? "" : ", but for values below 2^-17"
      return Concern(
        text: "\(counted(elements, "element")) of \(first.tensor)\(others) can not be brought back: "
          + "\(step) does not hold them", remedy: first.cause.keptBy.map { "\($0) keeps them\(exception)" })
    }
  }

  private static func omitted(_ omissions: [Omission]) -> [Concern] {
    let causes = Dictionary(grouping: omissions.filter { $0.kind == .weights }, by: \.reason)
    return causes.values.sorted { $0[0].name < $1[0].name }.map { omissions in
      let others = omissions.count > 1 ? " and \(counted(omissions.count - 1, "more tensor"))" : ""
      return Concern(text: "\(omissions[0].name)\(others) left out: \(omissions[0].reason)", remedy: nil)
    }
  }
}
