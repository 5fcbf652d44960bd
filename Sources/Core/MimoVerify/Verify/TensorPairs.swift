import MimoMapping
import MimoTensor

/// Which Hugging Face tensors two checkpoints both have, and what is to be said of those that only one has.
struct TensorPairs {
  private(set) var pairs: [Comparison.Pair] = []
  private(set) var differences: [VerifyReport.Tensor] = []
  private(set) var skipped: [VerifyReport.Skipped] = []
  private(set) var notes: [String] = []

  init(_ a: NamedTensors, _ b: NamedTensors) {
    let numbersA = TensorPairs.numbers(a)
    let numbersB = TensorPairs.numbers(b)
    for (index, tensor) in a.tensors.enumerated() {
      if let other = TensorPairs.original(of: tensor, in: b, numbersB, &notes, "A", "B") {
        add(tensor.source.name, tensor, index, b.tensors[other], other)
      } else {
        leave(tensor, b.absence, "B")
      }
    }
    for (index, tensor) in b.tensors.enumerated() where numbersA[tensor.source.name] == nil {
      if let other = TensorPairs.original(of: tensor, in: a, numbersA, &notes, "B", "A") {
        add(tensor.source.name, a.tensors[other], other, tensor, index)
      } else {
        leave(tensor, a.absence, "A")
      }
    }
  }

  private static func numbers(_ side: NamedTensors) -> [String: Int] {
    Dictionary(
      side.tensors.enumerated().map { ($0.element.source.name, $0.offset) }, uniquingKeysWith: { first, _ in first })
  }

  /// The tensor of a side that has the same name, or that one of this name is tied to there.
  private static func original(
    of tensor: NamedTensors.Tensor, in side: NamedTensors, _ numbers: [String: Int], _ notes: inout [String],
    _ own: String, _ other: String
  ) -> Int? {
    let name = tensor.source.name
    if let number = numbers[name] { return number }
    guard let tie = side.ties.first(where: { $0.duplicate == name }), let number = numbers[tie.original] else { return nil }
    notes.append("\(name) is only in \(own), and was compared with \(tie.original) of \(other), which it is tied to")
    return number
  }

  private mutating func add(
    _ name: String, _ a: NamedTensors.Tensor, _ index: Int, _ b: NamedTensors.Tensor, _ other: Int
  ) {
    guard a.source.shape == b.source.shape else {
      let shapes = (Array(a.source.shape.dims), Array(b.source.shape.dims))
      differences.append(.init(name: name, difference: .shape(a: shapes.0, b: shapes.1)))
      return
    }
    if let own = a.kernels, let others = b.kernels, own != others {
      skipped.append(.init(name: name, reason: "the two layouts store different functions of it"))
      return
    }
    pairs.append(
      .init(name: name, shape: a.source.shape, a: index, b: other, order: a.place ?? b.place ?? (0, UInt64(index))))
  }

  /// A tensor that `side` does not hold: with a reason it is left aside, without one it is a difference.
  private mutating func leave(_ tensor: NamedTensors.Tensor, _ absence: (NamedTensors.Tensor) -> String?, _ side: String) {
    if let reason = absence(tensor) {
      skipped.append(.init(name: tensor.source.name, reason: "not in \(side): \(reason)"))
    } else {
      differences.append(.init(name: tensor.source.name, difference: .missing(from: side)))
    }
  }
}
