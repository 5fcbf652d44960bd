import MimoFormats
import MimoMapping
import MimoSystem
import MimoTensor

/// Makes a model whose sizes all differ, so that rows taken for columns show.
struct UnevenModel {
  private let model: Case
  private static let factors = [3, 5, 7, 11, 13, 17, 19, 23]

  init(_ model: Case) { self.model = model }

  /// The sizes that occur as dims, each multiplied by a prime of its own where the plugin takes it.
  func make() throws(MimoError) -> (config: JSONValue, description: ModelDescription)? {
    guard var best = try model.description() else { return nil }
    var json = model.config.json
    var primes = UnevenModel.factors[...]
    for leaf in ConfigLeaf.all(of: json) {
      guard let size = leaf.value.integer, size > 1, isDim(size, of: best), let prime = primes.first else { continue }
      let changed = json.replacing(leaf.path, with: .integer(size * prime))
      guard let description = try model.outcomes([model.request(changed)]).first?.description else { continue }
      guard UnevenModel.square(description).count <= UnevenModel.square(best).count else { continue }
      (json, best) = (changed, description)
      primes = primes.dropFirst()
    }
    return (json, best)
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
