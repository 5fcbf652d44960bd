import MimoJSON
import MimoMapping
import MimoSystem
import MimoTensor

/// Makes a model whose sizes all differ, so that rows taken for columns show.
struct UnevenModel {
  private let model: Case
  private static let factors = [3, 5, 7, 11, 13, 17, 19, 23]

  init(_ model: Case) { self.model = model }

  /// What came of multiplying, one after the other, the sizes that occur as dims by a prime each.
  struct Attempt {
    /// Of the last model that the plugin took.
    var description: ModelDescription
    /// What a plugin does to one that it can not refuse and does not describe soundly.
    var breaches: [String] = []
  }

  /// nil when the model itself is not described.
  func attempt() throws(MimoError) -> Attempt? {
    guard let first = model.description else { return nil }
    var attempt = Attempt(description: first)
    var json = model.config.json
    var primes = UnevenModel.factors[...]
    for leaf in ConfigLeaf.all(of: json) {
      guard let size = leaf.value.integer, size > 1, let prime = primes.first, isDim(size, of: attempt.description)
      else { continue }
      let changed = json.replacing(leaf.path, with: .integer(size * prime))
      let outcome = try model.outcome(model.request(changed))
      if let breach = outcome.breach { attempt.breaches.append("\(leaf.path) = \(size * prime): \(breach)") }
      guard let description = outcome.description, !hasMoreSquares(description, than: attempt.description) else {
        continue
      }
      attempt.description = description
      json = changed
      primes = primes.dropFirst()
    }
    return attempt
  }

  private func hasMoreSquares(_ a: ModelDescription, than b: ModelDescription) -> Bool {
    UnevenModel.square(a).count > UnevenModel.square(b).count
  }

  /// A size of some tensor, or a factor of one.
  private func isDim(_ size: Int, of description: ModelDescription) -> Bool {
    description.sources.contains { source in source.shape.dims.contains { $0 >= size && $0 % size == 0 } }
  }

  /// Matrices with as many rows as columns; kernels of convolutions are none.
  static func square(_ description: ModelDescription) -> [SourceDeclaration] {
    description.sources.filter { source in
      let dims = source.shape.dims
      return (2...3).contains(dims.count) && dims[dims.count - 1] > 1 && dims[dims.count - 1] == dims[dims.count - 2]
    }
  }
}
