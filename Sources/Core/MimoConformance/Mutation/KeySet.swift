import MimoMapping
import MimoTensor

/// The tensors of a checkpoint, as names and shapes.
enum KeySet {
  /// Those that a description is made of, with codes and scales where values are packed.
  static func shapes(of description: ModelDescription) -> [String: GlobalShape] {
    var shapes: [String: GlobalShape] = [:]
    for source in description.sources {
      guard let encoding = source.encoding else {
        shapes[source.name] = source.shape
        continue
      }
      shapes[encoding.codes] = encoding.form.codesShape(of: source.shape)
      shapes[encoding.scales] = encoding.form.scalesShape(of: source.shape)
    }
    return shapes
  }

  static func differences(_ first: ModelDescription, _ second: ModelDescription) -> [String] {
    let (a, b) = (shapes(of: first), shapes(of: second))
    return a.keys.filter { a[$0] != b[$0] }.sorted().map {
      "\($0) is there and not declared any more, or as another shape"
    }
      + b.keys.filter { a[$0] == nil }.sorted().map { "\($0) is not there and declared now" }
  }

  /// A name that no family has, of so many parts as a real one.
  static func foreign(_ number: UInt64) -> [String] {
    [
      "foreign.\(number).weight", "model.layers.0.foreign_\(number).weight", "model.foreign_\(number)",
      "foreign_\(number)",
    ]
  }
}
