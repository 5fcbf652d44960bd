import MimoCheckpoints
import MimoMapping
import MimoPluginHost

/// The Hugging Face tensors of one of two checkpoints, by name.
struct NamedTensors {
  struct Tensor {
    var source: SourceDeclaration
    /// The component that it belongs to.
    var component: String?
    /// What its values went through on the way to where they lie; nil where they can be sent through any.
    var kernels: Set<ElementKernel>?
    /// Where it begins; nil where it does not lie in one place.
    var place: (file: Int, offset: UInt64)?
  }

  let tensors: [Tensor]
  let ties: [Tie]
  /// Why the checkpoint need not hold a tensor of the other one; nil for no reason.
  let absence: (Tensor) -> String?

  /// Component by component of a description's sources.
  static func components(of description: ModelDescription, _ part: ModelPart) -> [String?] {
    var components = [String?](repeating: nil, count: description.sources.count)
    for target in description.targets {
      for source in target.fragments.lazy.compactMap(\.source) {
        components[source] = part.plugin.components[target.component].name
      }
    }
    return components
  }
}
